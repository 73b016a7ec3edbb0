"""The tables that a run writes while it is under way."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

COLUMNS = {
    "metrics": ("step", "seed", "metric", "value"),
    "timings": ("step", "seconds", "evaluations"),
    "diagnostics": ("step", "seed", "layer", "metric", "value"),
    "spectra": ("step", "seed", "layer", "frequency", "power"),
}

Tell = Callable[[int, int, str, float], None]  # step, seed, metric, value


class Logs:
    """Open files of a run that is under way, one for every table of COLUMNS."""

    def __init__(self, files: dict[str, Any], tell: Tell | None = None):
        self._files, self._tell = files, tell
        self._tables = {name: csv.writer(file) for name, file in files.items()}
        for name, table in self._tables.items():
            table.writerow(COLUMNS[name])

    def ends(self) -> dict[str, int]:
        """Where each file ends now, with all of it on its way to the disk."""
        for file in self._files.values():
            file.flush()
        return {name: file.tell() for name, file in self._files.items()}

    def cut(self, ends: dict[str, int]) -> None:
        """Forget what was written after those ends."""
        for name, file in self._files.items():
            file.seek(ends[name])
            file.truncate()

    def metrics(self, step: int, seeds: Iterable[int], metric: str, values: Iterable[float]) -> None:
        for seed, value in zip(seeds, values, strict=True):
            self._tables["metrics"].writerow((step, seed, metric, number(value)))
            if self._tell:
                self._tell(step, seed, metric, value)

    def diagnostics(self, step: int, seed: int, layer: int, metric: str, value: float) -> None:
        self._tables["diagnostics"].writerow((step, seed, layer, metric, number(value)))

    def spectrum(self, step: int, seed: int, layer: int, frequencies: Iterable[int], power: Iterable[float]) -> None:
        pairs = zip(frequencies, power, strict=True)
        self._tables["spectra"].writerows((step, seed, layer, f, number(p)) for f, p in pairs)

    def timing(self, step: int, seconds: float, evaluations: int) -> None:
        self._tables["timings"].writerow((step, f"{seconds:.4f}", evaluations))
        for file in self._files.values():
            file.flush()


class Ledger:
    """The logs of several runs that train together: every row of theta belongs to a run and a seed."""

    def __init__(self, logs: Sequence[Logs], seeds: Sequence[Sequence[int]]):
        self._logs, self._counts = list(logs), [len(own) for own in seeds]
        self._owners = [(run, seed) for run, own in zip(logs, seeds, strict=True) for seed in own]

    def metrics(self, step: int, rows: Iterable[int], metric: str, values: Iterable[float]) -> None:
        for row, value in zip(rows, values, strict=True):
            logs, seed = self._owners[row]
            logs.metrics(step, [seed], metric, [value])

    def rows(self, step: int, rows: Sequence[int], values: Mapping[str, Any]) -> None:
        """Rows of metrics.csv for these rows of theta, from a tensor (rows of theta,) per metric."""
        for metric, tensor in values.items():
            listed = tensor.tolist()
            self.metrics(step, rows, metric, [listed[row] for row in rows])

    def scores(self, values: Mapping[str, Any], steps: Sequence[int]) -> None:
        """One row of metrics.csv for every row of theta and score, each at a step of its own."""
        for metric, tensor in values.items():
            for row, value in enumerate(tensor.tolist()):
                self.metrics(steps[row], [row], metric, [value])

    def diagnostics(self, step: int, row: int, layer: int, metric: str, value: float) -> None:
        logs, seed = self._owners[row]
        logs.diagnostics(step, seed, layer, metric, value)

    def spectrum(self, step: int, row: int, layer: int, frequencies: Iterable[int], power: Iterable[float]) -> None:
        logs, seed = self._owners[row]
        logs.spectrum(step, seed, layer, frequencies, power)

    def timing(self, step: int, rows: Iterable[int], seconds: float, evaluations: Sequence[int]) -> None:
        """Rows of timings.csv: each run's share of the seconds, and its evaluations, given for every row of theta."""
        told, first = {id(self._owners[row][0]) for row in rows}, 0
        for logs, count in zip(self._logs, self._counts, strict=True):
            if id(logs) in told:
                share = count / len(self._owners)
                logs.timing(step, share * seconds, sum(evaluations[first : first + count]))
            first += count


def number(value: float) -> str:
    """Nine digits keep every float32; integers stay integers."""
    return f"{value:.9g}"
