"""From words to objects: the components of a run, each checked alone and all of them together."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kanexp.config.settings import Settings, build
from kanexp.error import ConfigError

if TYPE_CHECKING:  # the components import torch, which a typo should not wait for
    from kanexp.config.match import Match, Plan
    from kanexp.config.run_config import Words
    from kanexp.init.base import Init
    from kanexp.layer.base import Basis
    from kanexp.logger.base import Logger
    from kanexp.model.base import Model
    from kanexp.model.network import Network
    from kanexp.optimizer.base import Optimizer
    from kanexp.reg.base import Regularizer
    from kanexp.task.base import Task

# The one table of kinds: a group's options must be of this class.
KINDS = {
    "task": ("kanexp.task.base", "Task"),
    "layer": ("kanexp.layer.base", "Basis"),
    "init": ("kanexp.init.base", "Init"),
    "reg": ("kanexp.reg.base", "Regularizer"),
    "optimizer": ("kanexp.optimizer.base", "Optimizer"),
    "model": ("kanexp.model.base", "Model"),
    "logger": ("kanexp.logger.base", "Logger"),
}

USUAL = {"logger": {"_target_": "kanexp.logger.none.NoLogger"}}  # of runs from before there were any


@dataclass(frozen=True)
class Experiment:
    """Everything a run needs, checked."""

    words: "Words"
    settings: Settings
    task: "Task"
    layer: "Basis"
    init: "Init"
    reg: "Regularizer"
    optimizer: "Optimizer"
    model: "Model"
    logger: "Logger"
    widths: list[int]
    layers: tuple["Basis", ...] = ()  # one for each layer where they differ; empty where `layer` is that of all
    match: "Match | None" = None

    def network(self) -> "Network":
        """The network at its start, before any refinement."""
        network = self.model.network(self.widths, *(self.layers or [self.layer]))
        unknowns = getattr(self.task, "unknowns", {})  # of an equation
        return network.with_unknowns({name: start for name, (start, _) in unknowns.items()})


def build_experiment(words: "Words") -> Experiment:
    """The components of a run. Raises ConfigError with all mistakes together."""
    settings, mistakes = build(Settings, _settings_values(words), "", "config.yaml")
    parts: dict[str, Any] = {}
    for group in KINDS:
        part, found = _build_component(group, words)
        parts[group] = part
        mistakes += found
    layers, found = _build_layers(words)
    mistakes += found
    if not mistakes:
        together = {group: part for group, part in parts.items() if group != "logger"}
        widths, mistakes = _check_together(settings, layers, **together)  # type: ignore[arg-type]
    if mistakes:
        raise ConfigError(*mistakes)
    assert settings is not None
    plan, match = _match(settings, parts["model"], widths, layers or [parts["layer"]])
    parts |= {"model": plan.model} | ({} if layers else {"layer": plan.layers[0]})
    widths = plan.widths if plan.model.uses_widths else [widths[0], widths[-1]]
    return Experiment(words, settings, **parts, widths=widths, layers=tuple(plan.layers if layers else []), match=match)


def value_mistakes(words: "Words") -> list[str]:
    """What else is wrong in a command whose words are; importing torch only if a component has values to judge."""
    _, mistakes = build(Settings, _settings_values(words), "", "config.yaml")
    given = {text.split("=")[0] for text in words.overrides}
    for group in KINDS:
        if any(key.startswith(f"{group}.") for key in given):
            mistakes += _build_component(group, words)[1]
    return mistakes


def _settings_values(words: "Words") -> dict[str, Any]:
    return {k: v for k, v in words.values.items() if k not in (*KINDS, "launcher", "sweeper")}


def _build_component(group: str, words: "Words") -> tuple[Any, list[str]]:
    chosen = f"{group}={words.choices.get(group, '?')}"
    return _build_option(group, dict(words.values.get(group) or USUAL.get(group, {})), f"{group}.", chosen)


def _build_option(group: str, values: dict[str, Any], where: str, chosen: str) -> tuple[Any, list[str]]:
    """One option of a group, after the options that it is put together from."""
    target = values.pop("_target_", None)
    if not isinstance(target, str) or "." not in target:
        return None, [f"{chosen}: its YAML must name a class by _target_: package.module.Class, got {target}"]
    module_name, class_name = target.rsplit(".", 1)
    try:
        cls = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        return None, [f"{chosen}: cannot import {target} ({error}); check _target_ and the Python path"]
    base_module, base_name = KINDS[group]
    base = getattr(importlib.import_module(base_module), base_name)
    if not (isinstance(cls, type) and issubclass(cls, base)):
        return None, [f"{chosen}: {target} is no {base_name}; derive it from {base_module}.{base_name}"]
    if missing := sorted(getattr(cls, "__abstractmethods__", ())):
        return None, [f"{chosen}: {class_name} does not define {', '.join(missing)}"]
    mistakes: list[str] = []
    if isinstance(values.get("parts"), dict):
        parts: dict[str, Any] = {}
        for name, part in values["parts"].items():
            own = dict(part) if isinstance(part, dict) else {}
            parts[name], found = _build_option(group, own, f"{where}parts.{name}.", f"{where}parts.{name}")
            mistakes += found
        values["parts"] = parts
    return (None, mistakes) if mistakes else build(cls, values, where, class_name)


def _build_layers(words: "Words") -> tuple[list["Basis"], list[str]]:
    """The basis of each layer where the run names them one by one."""
    built: list[Any] = []
    mistakes: list[str] = []
    given = words.values.get("layers")
    for i, values in enumerate(given if isinstance(given, list) else []):
        own = {k: v for k, v in values.items() if k != "layer"} if isinstance(values, dict) else {}
        layer, found = _build_option("layer", own, f"layers.{i}.", f"layers.{i}")
        built.append(layer)
        mistakes += found
    if built and (beside := [text for text in words.overrides if text.startswith(("layer=", "layer."))]):
        mistakes.append(f"{beside[0]}: layers already names the option of each layer; leave one of the two out")
    return built, mistakes


def _match(
    settings: Settings, model: "Model", widths: list[int], layers: list["Basis"]
) -> tuple["Plan", "Match | None"]:
    """What the network is built from, resized where `match` asks for it. Raises ConfigError where no size fits."""
    from kanexp.config.match import Plan, match

    plan = Plan(model, widths, layers)
    asked = settings.match
    if asked is None:
        return plan, None
    target: Any = asked.get("parameters")
    if "like" in asked:
        like = dict(asked["like"]) if isinstance(asked["like"], dict) else {}
        like.pop("model", None)
        reference, mistakes = _build_option("model", like, "match.like.", "match.like")
        if not mistakes and (why := reference.conflict(widths[0])):
            mistakes = [f"match.like: {type(reference).__name__}: {why}"]
        if mistakes:
            raise ConfigError(*mistakes)
        target = plan._replace(model=reference).parameters
    try:
        return match(plan, target, str(asked.get("by", "width")))
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _check_together(
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
        widths = settings.resolve_widths(inputs, outputs)
    except ValueError as error:
        widths, mistakes = [], [str(error)]
    depth = max(1, len(widths) - 1)
    if widths and (why := model.conflict(widths[0])):
        mistakes.append(f"model: {type(model).__name__}: {why}")
    if layers and len(layers) > 1 and not model.uses_widths:
        mistakes.append(f"layers: {type(model).__name__} has one option for all its parts; use layer=")
    elif widths and layers and len(layers) not in (1, depth):
        mistakes.append(
            f"layers: must name one option for each of the {depth} layers between widths {widths}, got {len(layers)}"
        )
    bases = dict.fromkeys(model.bases(layers or [layer], depth))
    for basis in bases:
        basis_name = type(basis).__name__
        if why := init.conflict(basis.orders, basis.terms):
            mistakes.append(f"init: {type(init).__name__} does not go with {basis_name}: {why}")
        if why := reg.conflict(basis):
            mistakes.append(f"reg: {type(reg).__name__} does not go with {basis_name}: {why}")
        if getattr(task, "second", ()) and basis.kinks:
            mistakes.append(
                f"task: {type(task).__name__} has second derivatives, which do not see the kinks of {basis_name}; "
                f"use {'layer=chebyshev' if model.uses_layer else 'model.activation=tanh'}"
            )
    mistakes += _optimizer_mistakes(settings, task, reg, optimizer)
    if settings.refine:
        mistakes += [mistake for basis in bases for mistake in _refinement_mistakes(settings, basis, model)]
    return widths, list(dict.fromkeys(mistakes))


def _optimizer_mistakes(settings: Settings, task: "Task", reg: "Regularizer", optimizer: "Optimizer") -> list[str]:
    """What the optimizer cannot work with."""
    from kanexp.task.equation import Equation

    name, mistakes = type(optimizer).__name__, []
    if isinstance(task, Equation):
        if settings.batch_size is not None:
            mistakes.append(
                f"batch_size: {type(task).__name__} is learned at all of its points, got {settings.batch_size}; "
                "use batch_size=null, with task.points and task.resample"
            )
        if task.resample is not None and not optimizer.minibatches:
            mistakes.append(
                f"task.resample: {name} compares losses of different steps and needs the same points in each, "
                f"got {task.resample}; use task.resample=null or optimizer=adam"
            )
        if optimizer.jacobian:
            mistakes.append(
                f"optimizer: {name} needs the slopes of every residual, which {type(task).__name__}'s do not give; "
                "use optimizer=hessian_free or optimizer=lbfgs"
            )
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
        if settings.dtype != "float64":
            mistakes.append(f"dtype: {name} squares the rounding errors, got {settings.dtype}; use dtype=float64")
    if reg.schedule != "constant" and not optimizer.minibatches:
        mistakes.append(
            f"reg.schedule: {name} compares losses of different steps and needs a constant weight, "
            f"got {reg.schedule}; use reg.schedule=constant or optimizer=adam"
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


# -- words ----------------------------------------------------------------------------------------------------------
