"""Learned: what the seeds of a finished run have learned, as functions of the inputs' own names."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from kanexp.config.experiment import Experiment
from kanexp.data.encoding import Encoding
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.restore import restore
from kanexp.folder.run_folder import RunFolder
from kanexp.model.network import Network
from kanexp.score.functions import median_row
from kanexp.task.base import Data, Task


@dataclass(frozen=True)
class Learned:
    """Networks of the seeds that were not lost, and their data, float64 on the CPU."""

    folder: RunFolder
    experiment: Experiment
    network: Network
    theta: Tensor  # (seeds, length)
    seeds: list[int]
    row: int  # of the seed whose validation loss is nearest the median
    data: Data

    @classmethod
    def of(cls, path: Path, command: str) -> "Learned":
        """What the run in a folder has learned.

        Raises ConfigError, which begins with the command, where it is no run that has ended, its files are damaged or
        all of its seeds were lost.
        """
        folder = RunFolder(path)
        try:
            restored = restore(folder)
            folder.check_files(restored.record)
        except UnreadableRun as error:
            raise ConfigError(f"{command}: {error}") from error
        record = restored.record
        rows = [row for row, seed in enumerate(record.seeds) if seed not in record.lost]
        if not rows:
            raise ConfigError(f"{command}: {path}: all of its seeds were lost, and nothing can be asked of them")
        seeds = [record.seeds[row] for row in rows]
        losses = [(record.best_val_loss or {}).get(seed) for seed in seeds]
        row = median_row([float("inf") if loss is None else loss for loss in losses])
        data = restored.experiment.load_data()[0].to(torch.device("cpu"), torch.float64)
        return cls(folder, restored.experiment, restored.network, restored.theta[rows], seeds, row, data)

    @property
    def task(self) -> Task:
        return self.experiment.task

    @cached_property
    def encoding(self) -> Encoding:
        return self.data.inputs_as()

    @property
    def names(self) -> list[str]:
        """What each column that goes in is called; a category is one column, however many inputs it has."""
        return [column.name for column in self.encoding.columns]

    @cached_property
    def inputs(self) -> list[list[int]]:
        """The numbers of each column's inputs."""
        counts = [len(column.names) for column in self.encoding.columns]
        ends = torch.tensor(counts).cumsum(0).tolist()
        return [list(range(end - count, end)) for end, count in zip(ends, counts, strict=True)]

    def answers(self, x: Tensor) -> Tensor:
        """What the networks say at inputs x (n_in, samples), in the target's own units: (seeds, n_out, samples)."""
        with torch.no_grad():
            return self.data.own_units(self.network(self.theta, x[None])).double()
