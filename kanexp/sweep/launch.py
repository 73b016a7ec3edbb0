"""Packs of a sweep, run by one of Hydra's launchers: ours for this machine, or another's for many."""

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from kanexp import console
from kanexp.config.launcher import Local
from kanexp.config.schema import did_you_mean
from kanexp.error import ConfigError
from kanexp.folder.sweep_folder import SweepFolder

LOCAL = Local.plugin
WORKER = "kanexp.sweep.worker"  # imported before its processes are made, and torch with it
CONFIG = "kanexp_pack"  # of one job as Hydra sees it: which pack of which sweep, and what its process must know
ConfigStore.instance().store(
    name=CONFIG, node={"worker": "", "sweep": "", "pack": 0, "folder": "", "path": "", "stop": ""}
)
EXTRAS = {
    "submitit_slurm": ("slurm", "hydra_plugins.hydra_submitit_launcher"),
    "submitit_local": ("slurm", "hydra_plugins.hydra_submitit_launcher"),
    "ray": ("ray", "hydra_plugins.hydra_ray_launcher"),
}
# Options of ours whose place among those of Hydra's launcher is a deeper one.
PLACES = {
    "ray": {"address": "ray.init.address", "cpus_per_task": "ray.remote.num_cpus", "gpus": "ray.remote.num_gpus"},
}
# And what must be said to it without being anyone's choice: given a store's size, Ray refuses to join a cluster.
ALWAYS = {"ray": {"ray.init.object_store_memory": None, "ray.init.log_to_driver": False}}


def require_launcher(options: Mapping[str, Any]) -> None:
    """Raise ConfigError where a launcher cannot be used, or does not take these options of it."""
    name, loader = options["plugin"], _loader()
    extra, module = EXTRAS.get(name, ("", ""))
    if module and find_spec(module) is None:
        raise ConfigError(f"launcher: Hydra has no launcher '{name}'; install it with: pip install 'kanexp[{extra}]'")
    known = loader.get_group_options("hydra/launcher")
    if name not in known:
        raise ConfigError(f"launcher: Hydra has no launcher '{name}'{did_you_mean(name, known)}")
    own = loader.load_configuration(CONFIG, [f"hydra/launcher={name}"], RunMode.MULTIRUN).hydra.launcher
    if mistakes := [m for key, value in _places(options).items() for m in _option_mistakes(own, key, value, name)]:
        raise ConfigError(*mistakes)
    if name == "submitit_slurm" and shutil.which("srun") is None:
        raise ConfigError(
            "launcher: there is no srun here; start the sweep on a machine of the cluster, or use launcher=local"
        )


def _option_mistakes(launcher: DictConfig, key: str, value: Any, name: str) -> list[str]:
    """Why Hydra's launcher does not take this option."""
    names = [str(known) for known in launcher if not str(known).startswith("_")]
    if key.split(".")[0] not in names:
        options = f"\n  options of {name}: {', '.join(names)}"
        return [f"launcher.{key}: {name} has no option '{key}'{did_you_mean(key, names)}{options}"]
    try:
        OmegaConf.update(launcher, key, value, merge=True, force_add=True)
    except OmegaConfBaseException as error:
        return [f"launcher.{key}: {str(error).splitlines()[0]}"]
    return []


def warm_up() -> None:
    """Have the processes of our own launcher import torch while the jobs are composed and checked."""
    import_module("hydra_plugins.kanexp_local_launcher").start_server(1, WORKER)


def launch(
    folder: SweepFolder, numbers: Sequence[int], options: Mapping[str, Any], worker: str = WORKER
) -> dict[int, str]:
    """Have these packs run by `run_pack` of the worker module and wait for them.

    Returns for each what its process died of, empty where it ended by itself; nothing where the launcher failed.

    `options` are those of the launcher, with its name in Hydra as `plugin`; null ones are left to the launcher.
    """
    name, loader = options["plugin"], _loader()
    config = _config(loader, folder, name)
    for key, value in _places(options).items():
        OmegaConf.update(config, f"hydra.launcher.{key}", value, merge=True)
    if name == LOCAL:
        from kanexp.sweep.worker import work  # imports torch
    else:
        from kanexp.sweep.apart import work

    context = HydraContext(config_loader=loader, callbacks=Callbacks())
    launcher = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=work, config=config)
    stop = (folder.work / f"{uuid.uuid4().hex}.stop").resolve()
    jobs = [_job(folder, number, stop, worker) for number in numbers]
    try:
        returns = launcher.launch(jobs, initial_job_idx=0)
    except KeyboardInterrupt:
        stop.touch()  # wherever its processes are, they see it
        raise
    except Exception as error:  # of the launcher, not of a job
        console.mistakes([f"launcher: {type(error).__name__}: {error}; what it still runs goes on without being shown"])
        return {}
    return {
        number: "" if result.status == JobStatus.COMPLETED else str(result._return_value)
        for number, result in zip(numbers, returns, strict=True)
    }


def _loader() -> ConfigLoaderImpl:
    Plugins.instance()  # which say what there is
    return ConfigLoaderImpl(create_config_search_path(None))


def _config(loader: ConfigLoaderImpl, folder: SweepFolder, name: str) -> Any:
    """Hydra's own configuration, open for more."""
    overrides = [f"hydra/launcher={name}", f"hydra.sweep.dir={_quoted(folder.work.resolve())}"]
    overrides += ["hydra.sweep.subdir=.", "hydra.output_subdir=null", "hydra.job.chdir=false", "hydra.job.name=kanexp"]
    overrides += ["hydra/job_logging=disabled", "hydra/hydra_logging=disabled"]
    config = loader.load_configuration(CONFIG, overrides, RunMode.MULTIRUN)
    OmegaConf.set_struct(config, False)
    return config


def _places(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by their place in Hydra's configuration of the launcher."""
    name = options["plugin"]
    places = PLACES.get(name, {})
    # How many packs a sweep is divided into is ours alone to know.
    kept = {k: v for k, v in options.items() if v is not None and k != "plugin" and (k != "workers" or name == LOCAL)}
    return ALWAYS.get(name, {}) | {places.get(key, key): value for key, value in kept.items()}


def _job(folder: SweepFolder, number: int, stop: Path, worker: str) -> list[str]:
    """One pack as overrides of Hydra."""
    values = {
        "worker": worker,
        "sweep": folder.path.resolve(),
        "folder": Path.cwd(),
        "path": os.environ.get("PYTHONPATH", ""),
        "stop": stop,
    }
    return [*(f"{key}={_quoted(value)}" for key, value in values.items()), f"pack={number}"]


def _quoted(path: object) -> str:
    """A path as a quoted string of Hydra's grammar."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"
