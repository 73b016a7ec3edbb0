"""What may be said of a launcher: ours have their options and no others, those of a user's own are their plugin's."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from kanexp.config.run_config import RunConfig
from kanexp.config.schema import as_options, build
from kanexp.error import require


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """What kanexp itself reads of every launcher; conf/launcher/*.yaml explain the fields of ours."""

    plugin: str  # its name in Hydra
    workers: int | None = None

    def __post_init__(self):
        require(*_at_least(1, workers=self.workers))


@dataclass(frozen=True, kw_only=True)
class Local(Launcher):
    """launcher=local, by the plugin in kanexp/_plugins."""

    plugin: Literal["kanexp_local"] = "kanexp_local"


@dataclass(frozen=True, kw_only=True)
class Elsewhere(Launcher):
    """A launcher of another's, whose jobs have the threads that it is asked for."""

    cpus_per_task: int | None = None

    def __post_init__(self):
        super().__post_init__()
        require(*_at_least(1, cpus_per_task=self.cpus_per_task))


@dataclass(frozen=True, kw_only=True)
class Ray(Elsewhere):
    """launcher=ray."""

    plugin: Literal["ray"] = "ray"
    address: str | None = None
    workers: int | None = 8
    cpus_per_task: int | None = 1
    gpus: float | None = None

    def __post_init__(self):
        super().__post_init__()
        require(*_at_least(0, gpus=self.gpus))


@dataclass(frozen=True, kw_only=True)
class SubmititLocal(Elsewhere):
    """launcher=submitit_local."""

    plugin: Literal["submitit_local"] = "submitit_local"
    workers: int | None = 2
    timeout_min: int | None = 240
    cpus_per_task: int | None = 1

    def __post_init__(self):
        super().__post_init__()
        require(*_at_least(1, timeout_min=self.timeout_min))


@dataclass(frozen=True, kw_only=True)
class Slurm(Elsewhere):
    """launcher=slurm."""

    plugin: Literal["submitit_slurm"] = "submitit_slurm"
    workers: int | None = 8
    partition: str | int | None = None
    account: str | int | None = None
    timeout_min: int | None = 240
    max_num_timeout: int | None = 8
    cpus_per_task: int | None = 1
    mem_gb: int | None = 4
    gpus_per_node: int | None = None
    array_parallelism: int | None = 256
    setup: list[str] | None = None

    def __post_init__(self):
        super().__post_init__()
        require(
            *_at_least(1, timeout_min=self.timeout_min, mem_gb=self.mem_gb, array_parallelism=self.array_parallelism),
            *_at_least(0, max_num_timeout=self.max_num_timeout, gpus_per_node=self.gpus_per_node),
        )


@dataclass(frozen=True, kw_only=True)
class Own(Elsewhere):
    """A launcher in a user's own folder, for any plugin: only what kanexp reads of it is judged here."""

    array_parallelism: int | None = None

    def __post_init__(self):
        super().__post_init__()
        require(*_at_least(1, array_parallelism=self.array_parallelism))


LAUNCHERS: dict[str, type[Launcher]] = {"local": Local, "ray": Ray, "slurm": Slurm, "submitit_local": SubmititLocal}


def launcher_mistakes(config: RunConfig) -> list[str]:
    """What is wrong with the options of the launcher that a run chose."""
    name = config.choices.get("launcher", "")
    given, mistakes = as_options(config.values.get("launcher"), "launcher", name)
    if mistakes or not name:  # a run from before there were any
        return mistakes
    values, cls = _renamed(given), LAUNCHERS.get(name, Own)
    if "plugin" not in values:
        return [f"launcher={name}: its YAML must name a launcher of Hydra's, as in plugin: submitit_slurm"]
    if cls is Own:
        known = [field.name for field in fields(Own)]
        values = {key: value for key, value in values.items() if key in known}
    return build(cls, values, "launcher.", name)[1]


def launcher_options(config: RunConfig) -> dict[str, Any]:
    """All that was said of the launcher, what goes to its plugin as it is included."""
    return _renamed(config.values["launcher"])


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """With the plugin called so, which runs from before call hydra."""
    return {"plugin" if key == "hydra" else key: value for key, value in values.items()}


def _at_least(least: int, **numbers: float | None) -> list[tuple[bool, str]]:
    return [
        (number is None or number >= least, f"{name} must be at least {least}, or null, got {number}")
        for name, number in numbers.items()
    ]
