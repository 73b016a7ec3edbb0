"""Trained: a run folder as what was trained in it, to ask and to look into."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kanexp.config.experiment import build_experiment, build_part
from kanexp.data.encoding import Encoding
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.record import Record
from kanexp.folder.restore import Restored, read_run_config, restore
from kanexp.folder.run_folder import RunFolder
from kanexp.score.functions import median_row
from kanexp.task.base import Task
from kanexp.trained.module import TrainedNetwork
from kanexp.trained.prediction import Prediction
from kanexp.trained.stand_in import StandIn

Rows: TypeAlias = pd.DataFrame | np.ndarray | Tensor
PART = 2**16  # rows that are answered at once


@dataclass(frozen=True)
class Trained:
    """What a run came to: the best state of each seed, with all that is needed to use it.

    Its data are not read again and may be gone.
    """

    folder: RunFolder
    restored: Restored
    task: Task
    encoding: Encoding
    offset: Tensor  # (outputs,), float64
    scale: Tensor

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def record(self) -> Record:
        """What run.json holds."""
        return self.restored.record

    @property
    def seeds(self) -> list[int]:
        """Seeds whose networks count: those that were not lost."""
        return [seed for seed in self.record.seeds if seed not in self.record.lost]

    @cached_property
    def networks(self) -> dict[int, TrainedNetwork]:
        """Each seed's network as a module: features (batch, features) in own units -> answers (batch, outputs)."""
        dtype = getattr(torch, self.restored.experiment.settings.dtype)
        return {
            seed: TrainedNetwork(
                self.restored.network, theta[None].to(dtype), self.encoding, self.offset, self.scale
            ).eval()
            for seed, theta in zip(self.record.seeds, self.restored.theta, strict=True)
        }

    @property
    def best_seed(self) -> int:
        """The seed of the lowest loss on the validation data."""
        losses = self.record.best_val_loss or {}
        return min(self.seeds, key=lambda seed: _or_infinite(losses.get(seed)))

    @property
    def median_seed(self) -> int:
        """The seed whose loss on the validation data is nearest the median of all."""
        losses = [_or_infinite((self.record.best_val_loss or {}).get(seed)) for seed in self.seeds]
        return self.seeds[median_row(losses)]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row for each seed: its scores on the test data, its best step and how it ended."""
        record = self.record
        columns: dict[str, Mapping[int, Any]] = {f"test_{name}": values for name, values in (record.test or {}).items()}
        columns |= {"best_val_loss": record.best_val_loss or {}, "best_step": record.best_step or {}}
        table = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
        table = table.reindex(record.seeds).apply(pd.to_numeric)
        return table.assign(status=[str(record.status_of(seed)) for seed in record.seeds]).rename_axis("seed")

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """metrics.csv: step, seed, metric, value."""
        return self.folder.read_table("metrics")

    @overload
    def predict(self, rows: Rows) -> pd.DataFrame: ...
    @overload
    def predict(self, rows: Rows, each_seed: Literal[True]) -> np.ndarray: ...
    def predict(self, rows: Rows, each_seed: bool = False) -> pd.DataFrame | np.ndarray:
        """Answers for new rows: a table with the columns of the data, or features (rows, features) in own units.

        A table with the median over seeds and their range, or of classes their probabilities; with `each_seed` all
        answers (seeds, rows, outputs). Seeds that were lost are left out. Raises ValueError where rows are none that
        the networks know: a column is missing, holds text, or a category that training did not see.
        """
        answers = self._answers(self._features(rows))
        if each_seed:
            return answers
        table = Prediction(answers, self.encoding.targets, self.encoding.classes).table()
        return table.set_index(rows.index) if isinstance(rows, pd.DataFrame) else table

    def edge(self, layer: int, i: int, j: int, seed: int | None = None) -> Callable[[Any], np.ndarray]:
        """The function on the edge from input i to output j of a layer (all from 0), by default of the median seed.

        It takes and gives arrays of any shape, float64. What it takes is what arrives at the layer: in the first one
        inputs at their common size, `encoding.inputs` of features. Raises ValueError where there is no such edge.
        """
        network = self.restored.network
        if not 0 <= layer < len(network.layers):
            raise ValueError(f"edge: there is no layer {layer}; the network has {len(network.layers)}, from 0")
        own = network.layers[layer]
        if not (0 <= i < own.n_in and 0 <= j < own.n_out):
            raise ValueError(f"edge: layer {layer} has {own.n_in} inputs and {own.n_out} outputs, got {i} and {j}")
        seed = self.median_seed if seed is None else seed
        row = self.record.seeds.index(seed)
        weights = network.weights(self.restored.theta[row : row + 1])[layer]

        def function(x: Any) -> np.ndarray:
            points = torch.tensor(np.asarray(x, dtype=float))
            with torch.no_grad():
                y = own.functions(weights, points.flatten())[0, j, i]
            return y.reshape(points.shape).numpy()

        return function

    def _features(self, rows: Rows) -> Tensor:
        """Features (rows, features), float64."""
        if isinstance(rows, pd.DataFrame):
            return self.encoding.read(rows).T
        features = rows.detach() if isinstance(rows, Tensor) else torch.tensor(np.asarray(rows, dtype=float))
        features = features.double()
        width = len(self.encoding.names)
        if features.dim() != 2 or features.shape[1] != width:
            names = ", ".join(self.encoding.names[:8]) + (", ..." if width > 8 else "")
            raise ValueError(f"rows must be (rows, {width}) with {names}, got {tuple(features.shape)}")
        return features

    def _answers(self, features: Tensor) -> np.ndarray:
        """(seeds, rows, outputs) in own units, or probabilities of classes, by networks that were not lost."""
        if not self.seeds:
            raise ValueError(f"{self.path}: all of its seeds were lost, and nothing can be asked of them")
        with torch.no_grad():
            answers = [torch.cat([self.networks[seed](part) for part in features.split(PART)]) for seed in self.seeds]
        found = torch.stack(answers)
        return (found.softmax(dim=2) if self.encoding.classes else found).numpy()


def load(path: str | Path) -> Trained:
    """What was trained in a run folder, such as outputs/NAME/latest.

    Raises ConfigError where the folder is no run that came to its end or was stopped, or its files are damaged.
    """
    folder = RunFolder(Path(path))
    try:
        record, model = folder.ended()
        if record.status == "done":
            folder.check_files(record)
        task = build_part("task", read_run_config(folder))
        restored = restore(folder, task=task if task.differential else _stand_in(model))
        return Trained(folder, restored, task, *_scaling(model, restored))
    except UnreadableRun as error:
        raise ConfigError(f"{error}; give the folder of a run that has ended") from error


def _stand_in(model: Mapping[str, Any]) -> StandIn:
    names = [name.partition(".")[2] for name in model["state"] if name.startswith("unknowns.")]
    return StandIn(inputs=model["widths"][0], outputs=model["widths"][-1], unknowns=dict.fromkeys(names, 0.0))


def _scaling(model: Mapping[str, Any], restored: Restored) -> tuple[Encoding, Tensor, Tensor]:
    """How inputs come to be, and what outputs (outputs,) are moved by and multiplied with.

    Of runs from before it was kept, what their data say.
    """
    if "encoding" in model:
        encoding, offset, scale = Encoding.from_plain(model["encoding"]), model["offset"], model["scale"]
    else:
        data, _ = build_experiment(restored.experiment.config).load_data()
        encoding, offset, scale = data.inputs_as(), data.offset, data.scale
    outputs = model["widths"][-1]
    offset, scale = (torch.tensor(n).double().reshape(-1).expand(outputs) for n in (offset, scale))
    return encoding, offset, scale


def _or_infinite(loss: float | None) -> float:
    return float("inf") if loss is None else loss
