"""From a folder back to objects: a run's words, its experiment, and its networks as they began and as they ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kanexp.config.run_config import RunConfig
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.names import MODEL
from kanexp.folder.record import Record
from kanexp.folder.run_folder import RunFolder
from kanexp.paths import recorded

if TYPE_CHECKING:  # torch is imported only where a network is rebuilt
    from torch import Tensor

    from kanexp.config.experiment import Experiment
    from kanexp.model.network import Network
    from kanexp.task.base import Task


@dataclass(frozen=True)
class Restored:
    """A run that has ended: its record, its experiment, and the best state of every seed."""

    record: Record
    experiment: "Experiment"
    network: "Network"  # refined where the run refined it
    theta: "Tensor"  # best states (seeds, length), float64
    kept: "list[Tensor] | None" = None  # of each layer the edges that were not pruned, bool (seeds, n_out, n_in)

    @property
    def mask(self) -> "Tensor | None":
        """Which weights are left (seeds, length), bool; None where nothing was pruned."""
        return None if self.kept is None else self.network.mask(self.kept)

    def start(self, x: "Tensor") -> tuple["Network", "Tensor"]:
        """The network before any refinement and its start weights (seeds, length), float64, for data x (n_in, samples).

        Drawn in the run's own precision, as the run drew them.
        """
        import torch

        from kanexp.seeding import generator

        network, dtype = self.experiment.network(), getattr(torch, self.experiment.settings.dtype)
        generators = [generator(seed, "init") for seed in self.record.seeds]
        return network, network.start(self.experiment.init, generators, dtype, x).double()


def restore(folder: RunFolder, changes: Mapping[str, Any] | None = None, task: "Task | None" = None) -> Restored:
    """The run in a folder, with these settings changed, and this task where its own may not read its data.

    Raises UnreadableRun where it is none or left no network, ConfigError where its words are no longer understood.
    """
    from kanexp.config.experiment import build_experiment

    record, model = folder.ended()
    config = read_run_config(folder)
    experiment = build_experiment(replace(config, values=config.values | dict(changes or {})), task)
    network = experiment.network()
    try:
        if model["config"] != config.values:
            raise ValueError("it is of another run, or config.yaml was changed since")
        sized = [
            layer if size is None else replace(layer, basis=layer.basis.resized(size))
            for layer, size in zip(network.layers, model["sizes"], strict=True)
        ]
        network = network.with_layers(sized)
        theta = network.flatten(model["state"]).double()
        if model["seeds"] != record.seeds or theta.shape != (len(record.seeds), network.length):
            raise ValueError("it is of other networks")
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UnreadableRun(f"{folder.path}: {MODEL} does not fit the run: {error}") from error
    return Restored(record, experiment, network, theta, model.get("kept"))


def read_run_config(folder: RunFolder) -> RunConfig:
    """The words of a run from its record and its config.yaml.

    Components of its own can be imported from then on. Raises UnreadableRun where there is no record, ConfigError
    where the other cannot be read or the user's configuration folders are gone.
    """
    record = folder.read_record()
    return with_values(folder, record.choices, record.overrides, recorded(record.config_dirs or ()), record)


def with_values(
    folder: RunFolder,
    choices: dict[str, str],
    overrides: Sequence[str],
    config_dirs: tuple[str, ...],
    record: Record | None = None,
) -> RunConfig:
    """The words of a run that may not have begun, from its config.yaml. Raises ConfigError where it cannot be read."""
    try:
        return RunConfig(folder.read_config(record), choices, tuple(overrides), config_dirs)
    except UnreadableRun as error:
        raise ConfigError(f"{error}; start it anew") from error
