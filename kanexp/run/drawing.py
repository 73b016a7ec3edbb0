"""The figures of a run, and the tables they are drawn from."""

import pandas as pd

from kanexp import console
from kanexp.config.experiment import Experiment
from kanexp.figure import class_figures, run_figures
from kanexp.figure.style import save
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sheet import write_sheet
from kanexp.measure import tables as measured
from kanexp.model.network import Network
from kanexp.score.functions import median_row
from kanexp.task.base import Data, Scene
from kanexp.train.result import Result


def draw(folder: RunFolder, experiment: Experiment, data: Data, scene: Scene, before: Network, result: Result) -> None:
    """Every figure with the table it was drawn from; pictures of one network show the seed of median loss.

    `before` is the network at the start, which refinement may have replaced.
    """
    seeds = experiment.settings.seed_list
    folder.figures.mkdir(exist_ok=True)
    row = median_row(result.best_val.tolist())
    several = f", nearest the median of {len(seeds)} on validation" if len(seeds) > 1 else ""
    shown = f"seed {seeds[row]}{several}"
    states = {"before": (before, result.start), "after": (result.network, result.best)}
    x, names, outputs = data.train.x, data.inputs_as().names, data.inputs_as().targets
    layers = result.network.wiring.names(len(result.network.layers))
    metrics = pd.read_csv(folder.metrics)
    made = {"signal": measured.signal(states, x, seeds)}
    drawn = {}

    made["loss"] = metrics[metrics["metric"].isin(["train_loss", "val_loss"])]
    drawn["loss"] = run_figures.curves(made["loss"])
    if scene.kind == "classes":
        made["confusion"] = measured.confusion(states, scene, row)
        drawn["confusion"] = class_figures.confusion(made["confusion"], f"test data, {shown}")
        if len(scene.x) == 2:
            made["regions"] = measured.regions(states, scene, row, data)
            drawn["regions"] = class_figures.regions(made["regions"], scene.classes, shown, names)
    else:
        made["prediction"] = measured.predictions(states, scene, row, data)
        drawn["prediction"] = run_figures.prediction(made["prediction"], scene.kind, scene.shape, shown, names, outputs)
    if experiment.settings.diagnostics:
        made["layers"] = pd.read_csv(folder.diagnostics)
        drawn["layers"] = run_figures.layers(made["layers"], layers)
        spectra = pd.read_csv(folder.spectra)
        if len(spectra):  # a network of fixed functions has none
            made["training_spectra"] = spectra
            drawn["training_spectra"] = run_figures.training_spectra(spectra, layers)
    if experiment.model.uses_layer:
        made["spectra"] = measured.spectra(states, x, seeds)
        drawn["spectra"] = run_figures.spectra(made["spectra"], layers)
        made["edges"] = measured.edges(states, x, row)
        if len(made["edges"]):
            drawn["edges"] = run_figures.edges(
                made["edges"], f"edge functions of {shown}: gray before, blue after training", layers
            )
        else:
            console.say(f"edges: not drawn, the network has more than {measured.MAX_EDGES}")
            del made["edges"]
    for name, table in made.items():
        write_sheet(table, folder.figures / f"{name}.csv", 7)
    for name, figure in drawn.items():
        save(figure, folder.figures / name)
