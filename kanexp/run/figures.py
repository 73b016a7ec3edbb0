"""All figures of a finished run, for a paper: those that it draws itself, and more that take longer."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from kanexp import console
from kanexp.attribution.learned import Learned
from kanexp.error import ConfigError
from kanexp.figure import answer_figures, film, layer_figures, run_figures, surface
from kanexp.figure.style import Figure, fit, save
from kanexp.folder.file import UnreadableRun
from kanexp.folder.restore import restore
from kanexp.folder.sheet import write_sheet
from kanexp.measure import answers as measured
from kanexp.measure.tables import States
from kanexp.run.drawing import Pen, shown, write_tables
from kanexp.score.functions import median_row
from kanexp.task.base import Scene

Drawn = tuple[str, pd.DataFrame, Figure]
PART = "val_loss_"  # a part of an equation's validation loss: inside, or the conditions of a name
MOST_SCORES = 3  # of the validation data, a panel each


def draw_again(path: Path, columns: int | None) -> None:
    """Write every figure of a run as PNG, SVG and PDF, `columns` of a paper wide, and the tables of new ones.

    Tables that the run wrote are read and stay as they are; one that was to draw nothing gets them now. Raises
    ConfigError where it is no run that has ended, or a table is damaged.
    """
    learned = Learned.of(path, "figures")
    if not learned.experiment.settings.figures:
        _catch_up(learned)
    try:
        own = list(_own(learned))
    except UnreadableRun as error:
        raise ConfigError(f"figures: {error}") from error
    folder = learned.folder.figures
    folder.mkdir(exist_ok=True)
    more = list(_more(learned))
    for name, table, _ in more:
        write_sheet(table, folder / f"{name}.csv", 7)
    for name, _, figure in (*own, *more):
        if columns is not None:
            fit(figure, columns)
        save(figure, folder / name, pdf=True)
    names = ", ".join(name for name, _, _ in (*own, *more))
    console.say(f"{names}: PNG, SVG and PDF, each with its CSV, in {folder}")


def _catch_up(learned: Learned) -> None:
    """The tables of the figures that a run would have drawn, had it been to draw any."""
    figures = learned.folder.figures
    if not (figures / "signal.csv").is_file():  # which every run has; others may be there from other commands
        about = (learned.folder, learned.experiment, learned.data, _scene(learned), _states(learned))
        with torch.no_grad():
            made = write_tables(*about, learned.seeds, learned.row)
        if "frames" in made:
            film.write_gif(made["frames"], *_pen(learned).screen, figures / "frames.gif")


def _pen(learned: Learned) -> Pen:
    record = learned.folder.read_record()
    known = record.best_val_loss or {}
    losses = [float("inf") if (loss := known.get(seed)) is None else loss for seed in record.seeds]
    return Pen(learned.data, _scene(learned), shown(record.seeds, median_row(losses)), _layers(learned))


def _own(learned: Learned) -> Iterable[Drawn]:
    """Figures that a run draws, from its own tables."""
    folder = learned.folder
    for name, figure in _pen(learned).figures.items():
        if (folder.figures / f"{name}.csv").exists():
            table = folder.read_figure(name)
            yield name, table, figure(table)


def _more(learned: Learned) -> Iterable[Drawn]:
    """Figures that a run has no time for."""
    scene, data, title = _scene(learned), learned.data, shown(learned.seeds, learned.row)
    states = _states(learned)
    with torch.no_grad():
        before, after = (
            data.own_units(network(theta, scene.x[None])).double()[:, : len(scene.target)]
            for network, theta in states.values()
        )
        yield from _of_validation(learned)
        table = measured.entering(states, data.train.x)
        yield "entering", table, layer_figures.entering(table, _layers(learned))
        if bool(scene.target.isfinite().all()):
            yield from _of_scene(learned, scene, before, after, title)
        if scene.kind in ("scatter", "classes"):
            table = measured.dependence(states["after"], data.train.x, data)
            if len(table):
                yield "dependence", table, answer_figures.dependence(table)
    yield from _of_equation(learned, scene, title)


def _of_validation(learned: Learned) -> Iterable[Drawn]:
    """Scores on validation data over steps; of equations the loss inside and of each condition, and the error."""
    metrics = pd.read_csv(learned.folder.metrics)
    logged = set(metrics["metric"])
    apart = sorted(name for name in logged if name.startswith(PART))  # of equations
    names = [name for score in learned.task.scores if (name := f"val_{score.name}") in logged][:MOST_SCORES]
    names = names or [name for name in ("val_loss_inside", *apart, "val_solution_error") if name in logged]
    if names:
        names = list(dict.fromkeys(names))
        table = metrics[metrics["metric"].isin(names)]
        linear = [f"val_{score.name}" for score in learned.task.scores if score.higher_is_better]
        yield "validation", table, run_figures.curves(table, names, linear, alike=apart)


def _of_scene(learned: Learned, scene: Scene, before: torch.Tensor, after: torch.Tensor, title: str) -> Iterable[Drawn]:
    """Where answers are known: errors, residuals or calibration, and spectra of what is drawn on a grid."""
    encoding = learned.encoding
    if scene.kind == "scatter":
        table = measured.residuals(after[learned.row], scene.target, encoding.targets)
        yield "residuals", table, answer_figures.residuals(table, f"test data, {title}")
    if scene.kind == "classes":
        table = measured.calibration(after, scene.target, learned.seeds)
        yield "calibration", table, answer_figures.calibration(table)
    if scene.kind in ("surface", "picture"):
        table = measured.errors(after, scene, learned.row, learned.data)
        names, heading = (encoding.names, encoding.targets), f"error after training, {title}"
        figure = surface.error(table, scene.shape, heading, *names, picture=scene.kind == "picture")
        yield "error", table, figure
    if scene.kind in ("surface", "picture", "curve") and min(scene.shape) >= 8:
        table = measured.output_spectra(before, after, scene)
        yield "output_spectrum", table, answer_figures.output_spectrum(table)


def _of_equation(learned: Learned, scene: Scene, title: str) -> Iterable[Drawn]:
    """Where in its domain an equation is met, and how well."""
    if not learned.task.differential or scene.kind != "surface":
        return
    network, theta = learned.network, learned.theta
    sides = learned.task.sides(partial(network.plain, theta), scene.x[None], network.unknown(theta))
    zero = Scene(scene.kind, scene.x, torch.zeros_like(sides[0]), scene.shape)
    table = measured.errors(sides, zero, learned.row, learned.data)
    equations = [f"equation {i + 1}" for i in range(sides.shape[1])]
    names = learned.encoding.names, equations
    yield (
        "residual",
        table,
        surface.error(table, scene.shape, f"left side of the equation, {title}", *names, "residual"),
    )


def _scene(learned: Learned) -> Scene:
    return learned.task.scene(learned.data).to(torch.device("cpu"), torch.float64)


def _layers(learned: Learned) -> list[str]:
    return learned.network.wiring.names(len(learned.network.layers))


def _states(learned: Learned) -> States:
    """The networks as they began and as they ended, of the seeds that were not lost."""
    restored = restore(learned.folder)
    network, start = restored.start(learned.data.train.x)
    rows = [restored.record.seeds.index(seed) for seed in learned.seeds]
    return {"before": (network, start[rows]), "after": (learned.network, learned.theta)}
