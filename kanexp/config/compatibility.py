"""Pairs that do not go together, as sentences that name both sides and an alternative."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kanexp.config.memory import too_many_weights
from kanexp.config.settings import Settings

if TYPE_CHECKING:  # the components import torch, which a typo should not wait for
    from kanexp.init.base import Init
    from kanexp.layer.base import Basis
    from kanexp.model.base import Model
    from kanexp.optimizer.base import Optimizer
    from kanexp.reg.base import Regularizer
    from kanexp.task.base import Task


def check_together(
    settings: Settings,
    layers: Sequence["Basis"],
    task: "Task",
    layer: "Basis",
    init: "Init",
    reg: "Regularizer",
    optimizer: "Optimizer",
    model: "Model",
) -> tuple[list[int], list[str]]:
    """The resolved widths, and the mistakes that no component can see alone."""
    try:
        inputs, outputs = task.inputs, task.outputs
    except ValueError as error:  # a file that says how many, and cannot be read
        return [], [f"task.{error}"]
    mistakes = []
    try:
        widths = settings.resolve_widths(inputs, outputs, any(score.name == "accuracy" for score in task.scores))
    except ValueError as error:
        widths, mistakes = [], [str(error)]
    depth = max(1, len(widths) - 1)
    if widths and (why := model.conflict(widths[0])):
        mistakes.append(f"model: {type(model).__name__}: {why}")
    if 0 < task.coordinate_inputs != model.coordinates > 0:
        mistakes.append(
            f"model.coordinates: must be {task.coordinate_inputs}, as many as {type(task).__name__} has after its "
            f"sensors, got {model.coordinates}"
        )
    if layers and len(layers) > 1 and not model.uses_widths:
        mistakes.append(f"layers: {type(model).__name__} has one option for all its parts; use layer=")
    elif widths and layers and len(layers) not in (1, depth):
        mistakes.append(
            f"layers: must name one option for each of the {depth} layers between widths {widths}, got {len(layers)}"
        )
    entering = model.entering(widths, task.periods) if widths else widths
    if why := _too_large(settings, model, entering, layers or [layer], mistakes):
        return widths, [*mistakes, why]
    bases = dict.fromkeys(model.bases(layers or [layer], depth))
    for basis in bases:
        basis_name = type(basis).__name__
        if why := init.conflict(basis.orders, basis.terms):
            mistakes.append(f"init: {type(init).__name__} does not go with {basis_name}: {why}")
        if why := reg.conflict(basis):
            mistakes.append(f"reg: {type(reg).__name__} does not go with {basis_name}: {why}")
        if basis.kinks and any(len(partial) > 1 for partial in task.partials):
            mistakes.append(
                f"task: {type(task).__name__} has second derivatives, which do not see the kinks of {basis_name}; "
                f"use {'layer=chebyshev' if model.uses_layer else 'model.activation=tanh'}"
            )
    if model.kinks and any(len(partial) > 1 for partial in task.partials):
        mistakes.append(
            f"task: {type(task).__name__} has second derivatives, which do not see the kinks of "
            f"{type(model).__name__}; use model.order=3"
        )
    mistakes += _optimizer_mistakes(settings, task, reg, optimizer)
    if reg.threshold > 0:
        mistakes += _threshold_mistakes(settings, task, reg, model, widths, layers or [layer])
    if settings.refine:
        mistakes += [mistake for basis in bases for mistake in _refinement_mistakes(settings, basis, model)]
    return widths, list(dict.fromkeys(mistakes))


def _too_large(
    settings: Settings, model: "Model", widths: list[int], layers: Sequence["Basis"], mistakes: list[str]
) -> str:
    """Why the network has no place in memory, at its start or at its finest; empty where it has one.

    Before anything else is asked of the layers, whose orders alone may be too many to list.
    """
    sizes = [None, max((settings.refine or {}).values(), default=None)]
    for size in dict.fromkeys(sizes):
        try:
            sized = [layer if size is None or not layer.size else layer.resized(size) for layer in layers]
        except ValueError:  # of the basis, which does not come in this size
            continue
        weights = max(layer.terms for layer in sized) if mistakes else model.network(widths, *sized).length
        if why := too_many_weights(settings, weights):
            return why
    return ""


def _optimizer_mistakes(settings: Settings, task: "Task", reg: "Regularizer", optimizer: "Optimizer") -> list[str]:
    """What the optimizer cannot work with."""
    name, mistakes = type(optimizer).__name__, []
    if task.differential:
        if settings.batch_size is not None:
            mistakes.append(
                f"batch_size: {type(task).__name__} is learned at all of its points, got {settings.batch_size}; "
                "use batch_size=null, with task.points and task.resample"
            )
        if (last := max(task.windows, default=0)) >= settings.steps > 0 and task.windows:
            mistakes.append(
                f"task.windows: the last one begins at step {last}, and steps={settings.steps} end before it; "
                "raise steps or lower those of the windows"
            )
        if not (optimizer.minibatches or optimizer.renews):
            mistakes += [
                f"task.{word}: {name} compares losses of different steps and needs the same points in each, with the "
                f"same weights, got {value}; leave task.{word} out, or use optimizer=adam"
                for word, value in task.moving.items()
            ]
    if settings.batch_size is not None and not optimizer.minibatches:
        mistakes.append(
            f"batch_size: {name} compares losses along a line and needs all samples in each step, "
            f"got batch_size {settings.batch_size}; use batch_size=null or optimizer=adam"
        )
    if optimizer.least_squares:
        if not task.least_squares:
            mistakes.append(
                f"optimizer: {name} minimizes a sum of squares, which the loss of {type(task).__name__} is not; "
                "use optimizer=lbfgs"
            )
        if reg.weight > 0:
            mistakes.append(
                f"optimizer: {name} minimizes a sum of squares, to which {type(reg).__name__} cannot be added; "
                "use reg=none or optimizer=lbfgs"
            )
    if optimizer.double and settings.dtype != "float64":
        mistakes.append(f"dtype: {name} {optimizer.double}, got {settings.dtype}; use dtype=float64")
    if reg.schedule != "constant" and not optimizer.minibatches:
        mistakes.append(
            f"reg.schedule: {name} compares losses of different steps and needs a constant weight, "
            f"got {reg.schedule}; use reg.schedule=constant or optimizer=adam"
        )
    return mistakes


def _threshold_mistakes(
    settings: Settings, task: "Task", reg: "Regularizer", model: "Model", widths: list[int], layers: Sequence["Basis"]
) -> list[str]:
    """Why edges cannot go while the network trains."""
    mistakes = []
    if reg.threshold_every >= settings.steps:
        mistakes.append(
            f"reg.threshold_every: must be below steps={settings.steps}, or no edge ever goes, got "
            f"{reg.threshold_every}; lower it, or use reg.threshold=0"
        )
    if not widths or len(layers) not in (1, len(widths) - 1):
        return mistakes
    embedded = model.embedding(widths[0], task.periods) is not None
    if embedded or not model.network(model.entering(widths, task.periods), *layers).is_row:
        mistakes.append(
            f"reg.threshold: the layers of {type(model).__name__} are no row, and what goes around an edge stays where "
            "the edge goes; use model=kan or model=mlp without an embedding, or reg.threshold=0"
        )
    return mistakes


def _refinement_mistakes(settings: Settings, layer: "Basis", model: "Model") -> list[str]:
    """What is wrong with a refinement schedule on this layer."""
    refine = settings.refine or {}
    name, sizes = type(layer).__name__, [refine[step] for step in sorted(refine)]
    if not model.uses_layer or not layer.size:
        whose, choose = (name, "layer=bspline") if model.uses_layer else (type(model).__name__, "model=kan")
        return [f"refine: {whose} has no grid or degree to raise; use {choose}, or refine=null"]
    mistakes = []
    steps = [getattr(layer, layer.size), *sizes]
    if sorted(steps) != steps:
        mistakes.append(
            f"refine: sizes must not fall, got {', '.join(map(str, sizes))} after layer.{layer.size}={steps[0]}"
        )
    try:
        for size in sizes:
            layer.resized(size)
    except ValueError as error:
        mistakes.append(f"refine: {name}: {error}")
    return mistakes
