"""The figures of a run, and the tables they are drawn from."""

import pandas as pd

from kanexp import console, measure
from kanexp.experiment import Experiment
from kanexp.model.network import Network
from kanexp.report import classes, figures
from kanexp.run_folder import RunFolder
from kanexp.task.base import Data, Scene
from kanexp.train import Result


def draw(folder: RunFolder, experiment: Experiment, data: Data, scene: Scene, before: Network, result: Result) -> None:
    """Every figure with the table it was drawn from; pictures of one network show the seed of median loss.

    `before` is the network at the start, which refinement may have replaced.
    """
    seeds = experiment.settings.seed_list
    folder.figures.mkdir(exist_ok=True)
    row = int(result.best_val.argsort()[(len(seeds) - 1) // 2])
    shown = f"seed {seeds[row]}, the median of {len(seeds)} on validation" if len(seeds) > 1 else f"seed {seeds[0]}"
    states = {"before": (before, result.start), "after": (result.network, result.best)}
    x = data.train.x
    metrics = pd.read_csv(folder.metrics)
    tables = {"signal": measure.signal(states, x, seeds)}
    drawn = {}

    tables["loss"] = metrics[metrics["metric"].isin(["train_loss", "val_loss"])]
    drawn["loss"] = figures.curves(tables["loss"])
    if scene.kind == "classes":
        tables["confusion"] = measure.confusion(states, scene, row)
        drawn["confusion"] = classes.confusion(tables["confusion"], f"test data, {shown}")
        if len(scene.x) == 2:
            tables["regions"] = measure.regions(states, scene, row)
            drawn["regions"] = classes.regions(tables["regions"], scene.classes, shown)
    else:
        tables["prediction"] = measure.predictions(states, scene, row, data.own_units)
        drawn["prediction"] = figures.prediction(tables["prediction"], scene.kind, scene.shape, shown)
    if experiment.settings.diagnostics:
        tables["layers"] = pd.read_csv(folder.diagnostics)
        drawn["layers"] = figures.layers(tables["layers"])
        spectra = pd.read_csv(folder.spectra)
        if len(spectra):  # a network of fixed functions has none
            tables["training_spectra"] = spectra
            drawn["training_spectra"] = figures.training_spectra(spectra)
    if experiment.model.uses_layer:
        tables["spectra"] = measure.spectra(states, x, seeds)
        drawn["spectra"] = figures.spectra(tables["spectra"])
        tables["edges"] = measure.edges(states, x, row)
        if len(tables["edges"]):
            drawn["edges"] = figures.edges(
                tables["edges"], f"edge functions of {shown}: gray before, blue after training"
            )
        else:
            console.say(f"edges: not drawn, the network has more than {measure.MAX_EDGES}")
            del tables["edges"]
    for name, table in tables.items():
        table.to_csv(folder.figures / f"{name}.csv", index=False, float_format="%.7g")
    for name, figure in drawn.items():
        figures.save(figure, folder.figures / name)
