"""The figures of a run, and the tables they are drawn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from kanexp import console
from kanexp.config.experiment import Experiment
from kanexp.figure import class_figures, film, layer_figures, pair_figures, run_figures
from kanexp.figure.style import Figure, save
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sheet import write_sheet
from kanexp.measure import tables as measured
from kanexp.measure.film import coarse
from kanexp.measure.pairs import MOST_FUNCTIONS, pairs
from kanexp.measure.tables import States
from kanexp.model.network import Network
from kanexp.model.table import TableLayer
from kanexp.score.functions import median_row
from kanexp.task.base import Data, Scene
from kanexp.train.result import Result


def draw(folder: RunFolder, experiment: Experiment, data: Data, scene: Scene, before: Network, result: Result) -> None:
    """Every figure with the table it was drawn from; pictures of one network show the seed of median loss.

    `before` is the network at the start, which refinement may have replaced.
    """
    seeds = experiment.settings.seed_list
    row = median_row(result.best_val.tolist())
    states = {"before": (before, result.start), "after": (result.network, result.best)}
    made = write_tables(folder, experiment, data, scene, states, seeds, row)
    layers = result.network.wiring.names(len(result.network.layers))
    pen = Pen(data, scene, shown(seeds, row), layers)
    for name, figure in pen.figures.items():
        if name in made:
            save(figure(made[name]), folder.figures / name)
    if "frames" in made:
        film.write_gif(made["frames"], *pen.screen, folder.figures / "frames.gif")


def write_tables(
    folder: RunFolder, experiment: Experiment, data: Data, scene: Scene, states: States, seeds: list[int], row: int
) -> dict[str, pd.DataFrame]:
    """The tables of a run's figures by their names, written: of networks of these seeds before and after training.

    What is of one network is of that in this row.
    """
    folder.figures.mkdir(exist_ok=True)
    x, metrics = data.train.x, pd.read_csv(folder.metrics)
    made = {"signal": measured.signal(states, x, seeds)}
    made["loss"] = metrics[metrics["metric"].isin(["train_loss", "val_loss"])]
    if scene.kind == "classes":
        made["confusion"] = measured.confusion(states, scene, row)
        if len(scene.x) == 2:
            made["regions"] = measured.regions(states, scene, row, data)
    else:
        made["prediction"] = measured.predictions(states, scene, row, data)
    if experiment.settings.diagnostics:
        made["layers"] = pd.read_csv(folder.diagnostics)
        spectra = pd.read_csv(folder.spectra)
        if len(spectra):  # a network of fixed functions has none
            made["training_spectra"] = spectra
    if experiment.model.uses_layer:
        made["spectra"] = measured.spectra(states, x, seeds)
        made |= _functions(states, x, row)
    if experiment.settings.frames:
        made["frames"] = folder.read_table("frames")
    for name, table in made.items():
        write_sheet(table, folder.figures / f"{name}.csv", 7)
    return made


def _functions(states: States, x: Tensor, row: int) -> dict[str, pd.DataFrame]:
    """The table of what one seed learned on its edges, or on its pairs of inputs; none where there are too many."""
    network, theta = states["after"]
    if isinstance(network.layers[0], TableLayer):
        name, table, most = "pairs", pairs(network, theta[row : row + 1], x), f"{MOST_FUNCTIONS} functions"
    else:
        name, table, most = "edges", measured.edges(states, x, row), f"{measured.MAX_EDGES}"
    if len(table):
        return {name: table}
    console.say(f"{name}: not drawn, the network has more than {most}")
    return {}


def shown(seeds: Sequence[int], row: int) -> str:
    """Which seed a figure of one network shows."""
    return f"seed {seeds[row]}" + (f", nearest the median of {len(seeds)} on validation" if len(seeds) > 1 else "")


@dataclass(frozen=True)
class Pen:
    """Draws the figures of a run from their tables."""

    data: Data
    scene: Scene
    shown: str  # which seed is drawn where it is one
    layers: Sequence[str]  # their names

    @property
    def screen(self) -> tuple[np.ndarray, tuple[str, tuple[int, ...]], str]:
        """What answers while it trains are drawn on: targets, kind and shape of the scene, and its first axis."""
        screen = coarse(self.scene)
        return screen.target.cpu().numpy(), (screen.kind, screen.shape), self.data.inputs_as().names[0]

    @property
    def figures(self) -> dict[str, Callable[[pd.DataFrame], Figure]]:
        """A function from its table for each figure, in the order in which they are drawn."""
        encoding, scene = self.data.inputs_as(), self.scene
        names, outputs = encoding.names, encoding.targets
        categories = [bool(column.values) for column in encoding.columns for _ in column.names]
        colours = f"edge functions of {self.shown}: gray before, blue after training"
        return {
            "loss": run_figures.curves,
            "confusion": lambda table: class_figures.confusion(table, f"test data, {self.shown}"),
            "regions": lambda table: class_figures.regions(table, scene.classes, self.shown, names),
            "prediction": lambda table: run_figures.prediction(
                table, scene.kind, scene.shape, self.shown, names, outputs
            ),
            "frames": lambda table: film.strip(
                table, *self.screen, f"answers while it trains, seed {table['seed'].iloc[0]}"
            ),
            "layers": lambda table: layer_figures.layers(table, self.layers),
            "training_spectra": lambda table: layer_figures.training_spectra(table, self.layers),
            "spectra": lambda table: layer_figures.spectra(table, self.layers),
            "edges": lambda table: layer_figures.edges(table, colours, self.layers, names, categories),
            "pairs": lambda table: pair_figures.pairs(table, f"functions of two inputs of {self.shown}", names),
        }
