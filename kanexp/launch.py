"""Packs of a sweep, run by one of Hydra's launchers: ours for this machine, or another's for many."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf

from kanexp.error import ConfigError
from kanexp.run_folder import SweepFolder

CONFIG = "kanexp_pack"  # of one job as Hydra sees it: which pack of which sweep
ConfigStore.instance().store(name=CONFIG, node={"sweep": "", "pack": 0})
EXTRAS = {"submitit_slurm": "slurm", "submitit_local": "slurm", "ray": "ray"}


def launch(folder: SweepFolder, numbers: Sequence[int], options: Mapping[str, Any]) -> dict[int, str]:
    """Have these packs run and wait for them. Returns what became of those that did not end by themselves.

    `options` are those of the launcher, with its name in Hydra as `hydra`. Raises ConfigError where it is not there.
    """
    options = dict(options)
    name = options.pop("hydra")
    known = Plugins.instance()  # and with them what they say of themselves
    loader = ConfigLoaderImpl(create_config_search_path(None))
    overrides = [f"hydra/launcher={name}", f"hydra.sweep.dir={_quoted(folder.work.resolve())}"]
    overrides += ["hydra.sweep.subdir=.", "hydra.output_subdir=null"]
    overrides += ["hydra/job_logging=disabled", "hydra/hydra_logging=disabled"]
    if name not in loader.get_group_options("hydra/launcher"):
        extra = f"; install it with: pip install 'kanexp[{EXTRAS[name]}]'" if name in EXTRAS else ""
        raise ConfigError(f"launcher: Hydra has no launcher '{name}'{extra}")
    config = loader.load_configuration(CONFIG, overrides, RunMode.MULTIRUN)
    OmegaConf.set_struct(config, False)
    for key, value in options.items():
        OmegaConf.update(config, f"hydra.launcher.{key}", value, merge=True)
    from kanexp.worker import work  # imports torch

    context = HydraContext(config_loader=loader, callbacks=Callbacks())
    launcher = known.instantiate_launcher(hydra_context=context, task_function=work, config=config)
    jobs = [[f"sweep={_quoted(folder.path.resolve())}", f"pack={number}"] for number in numbers]
    returns = launcher.launch(jobs, initial_job_idx=0)
    return {
        number: str(result._return_value)
        for number, result in zip(numbers, returns, strict=True)
        if result.status != JobStatus.COMPLETED
    }


def _quoted(path: object) -> str:
    """For Hydra's grammar."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"
