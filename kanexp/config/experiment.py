"""From words to objects: the components of a run, each checked alone and all of them together."""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kanexp.config.compatibility import check_together
from kanexp.config.launcher import launcher_mistakes
from kanexp.config.memory import too_many_weights, too_much_data
from kanexp.config.run_config import RunConfig
from kanexp.config.schema import as_options, build
from kanexp.config.settings import Settings
from kanexp.config.sweeper import build_sweeper
from kanexp.error import ConfigError

if TYPE_CHECKING:  # the components import torch, which a typo should not wait for
    from kanexp.config.match import Match, Plan
    from kanexp.init.base import Init
    from kanexp.layer.base import Basis
    from kanexp.logger.base import Logger
    from kanexp.model.base import Model
    from kanexp.model.network import Network
    from kanexp.optimizer.base import Optimizer
    from kanexp.reg.base import Regularizer
    from kanexp.task.base import Data, Scene, Task

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

    config: RunConfig
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
        widths = self.model.entering(self.widths, self.task.periods)
        network = self.model.network(widths, *(self.layers or [self.layer])).with_unknowns(self.task.unknowns)
        if embedding := self.model.embedding(self.widths[0], self.task.periods):
            network = network.embedded(embedding)
        return network if self.task.finish is None else network.finished(self.task.finish)

    def load_data(self) -> tuple["Data", "Scene"]:
        """The task's data and what is drawn of them, on the CPU. Raises ConfigError where they cannot be had."""
        from kanexp.machine import out_of_memory
        from kanexp.seeding import generator

        if why := too_much_data(self.task):
            raise ConfigError(why)
        try:
            data = self.task.load(generator(self.settings.data_seed, "data"))
            return data, self.task.scene(data)
        except ValueError as error:
            raise ConfigError(f"task.{error}") from error
        except (MemoryError, RuntimeError) as error:
            if why := out_of_memory(error):
                raise ConfigError(f"task: {type(self.task).__name__}: {why}") from error
            raise


def build_experiment(config: RunConfig, task: "Task | None" = None) -> Experiment:
    """The components of a run, with this task where one is given instead of the words' own.

    Raises ConfigError with all mistakes together.
    """
    settings, mistakes = build(Settings, _settings_values(config), "", "config.yaml")
    parts: dict[str, Any] = {}
    for group in KINDS:
        part, found = (task, []) if group == "task" and task else _build_component(group, config)
        parts[group] = part
        mistakes += found
    layers, found = _build_layers(config)
    mistakes += found + launcher_mistakes(config) + build_sweeper(config)[1]
    if not mistakes:
        together = {group: part for group, part in parts.items() if group != "logger"}
        widths, mistakes = check_together(settings, layers, **together)  # type: ignore[arg-type]
    if mistakes:
        raise ConfigError(*mistakes)
    assert settings is not None
    entering = parts["model"].entering(widths, parts["task"].periods)
    plan, match = _match(settings, parts["model"], entering, layers or [parts["layer"]])
    if match and (why := too_many_weights(settings, match.parameters)):
        raise ConfigError(why)
    parts |= {"model": plan.model} | ({} if layers else {"layer": plan.layers[0]})
    widths = [widths[0], *(plan.widths[1:] if plan.model.uses_widths else widths[-1:])]
    return Experiment(
        config, settings, **parts, widths=widths, layers=tuple(plan.layers if layers else []), match=match
    )


def build_part(group: str, config: RunConfig) -> Any:
    """One component of a run by itself. Raises ConfigError with what is wrong with it."""
    part, mistakes = _build_component(group, config)
    if mistakes:
        raise ConfigError(*mistakes)
    return part


def value_mistakes(config: RunConfig) -> list[str]:
    """What else is wrong in a command whose words are; importing torch only if a component has values to judge."""
    _, mistakes = build(Settings, _settings_values(config), "", "config.yaml")
    given = {text.split("=")[0] for text in config.overrides}
    for group in KINDS:
        if any(key.startswith(f"{group}.") for key in given):
            mistakes += _build_component(group, config)[1]
    return mistakes + launcher_mistakes(config) + build_sweeper(config)[1]


def _settings_values(config: RunConfig) -> dict[str, Any]:
    return {k: v for k, v in config.values.items() if k not in (*KINDS, "launcher", "sweeper")}


def _build_component(group: str, config: RunConfig) -> tuple[Any, list[str]]:
    name = config.choices.get(group, "?")
    values, mistakes = as_options(config.values.get(group) or USUAL.get(group), group, name)
    return (None, mistakes) if mistakes else _build_option(group, values, f"{group}.", f"{group}={name}")


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
    except (Exception, SystemExit) as error:  # whatever a user's file does when it is read
        return None, [f"{chosen}: cannot import {target} ({type(error).__name__}: {error}); mend {module_name}"]
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
    return (None, mistakes) if mistakes else build(cls, {**getattr(cls, "before", {}), **values}, where, class_name)


def _build_layers(config: RunConfig) -> tuple[list["Basis"], list[str]]:
    """The basis of each layer where the run names them one by one."""
    built: list[Any] = []
    mistakes: list[str] = []
    given = config.values.get("layers")
    for i, values in enumerate(given if isinstance(given, list) else []):
        own = {k: v for k, v in values.items() if k != "layer"} if isinstance(values, dict) else {}
        layer, found = _build_option("layer", own, f"layers.{i}.", f"layers.{i}")
        built.append(layer)
        mistakes += found
    if built and (beside := [text for text in config.overrides if text.startswith(("layer=", "layer."))]):
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
