"""The tables that a run writes while it is under way."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kanexp.folder.file import UnreadableRun
from kanexp.folder.table import Mark, TableFile, check

COLUMNS = {
    "metrics": ("step", "seed", "metric", "value"),
    "timings": ("step", "seconds", "evaluations"),
    "diagnostics": ("step", "seed", "layer", "metric", "value"),
    "spectra": ("step", "seed", "layer", "frequency", "power"),
}
FRAMES = {"frames": ("step", "seed", "channel", "point", "value")}  # of runs that are asked for it
ALL = COLUMNS | FRAMES

Tell = Callable[[int, int, str, float], None]  # step, seed, metric, value


class Logs:
    """The tables of a run that is under way, by their names in ALL."""

    def __init__(self, files: Mapping[str, TableFile], tell: Tell | None = None):
        self._tables, self._tell = dict(files), tell

    def begin(self) -> None:
        """All tables anew."""
        for name, table in self._tables.items():
            table.begin(ALL[name])

    def marks(self) -> dict[str, Mark]:
        """What each table holds now, all of it on its way to the disk."""
        return {name: table.mark() for name, table in self._tables.items()}

    def check(self, marks: Mapping[str, Mark]) -> None:
        """Raise UnreadableRun where a table no longer holds what it did at those marks."""
        for name, table in self._tables.items():
            if name not in marks:
                raise UnreadableRun(f"{table.path}: nobody wrote in it by then")
            check(table.path, marks[name], more=True)

    def go_on(self, marks: Mapping[str, Mark]) -> None:
        """Forget what was written after those marks."""
        for name, table in self._tables.items():
            table.go_on(marks[name])

    def seal(self) -> dict[str, Mark]:
        """What the tables hold at the end of the run. Raises UnreadableRun where others have written in them."""
        marks = self.marks()
        for name, table in self._tables.items():
            check(table.path, marks[name])
        return marks

    def metrics(self, step: int, seeds: Iterable[int], metric: str, values: Iterable[float]) -> None:
        for seed, value in zip(seeds, values, strict=True):
            self._tables["metrics"].row((step, seed, metric, number(value)))
            if self._tell:
                self._tell(step, seed, metric, value)

    def diagnostics(self, step: int, seed: int, layer: int, metric: str, value: float) -> None:
        self._tables["diagnostics"].row((step, seed, layer, metric, number(value)))

    def spectrum(self, step: int, seed: int, layer: int, frequencies: Iterable[int], power: Iterable[float]) -> None:
        for frequency, p in zip(frequencies, power, strict=True):
            self._tables["spectra"].row((step, seed, layer, frequency, number(p)))

    def frame(self, step: int, seed: int, channel: int, values: Iterable[float]) -> None:
        for point, value in enumerate(values):
            self._tables["frames"].row((step, seed, channel, point, f"{value:.4g}"))

    def timing(self, step: int, seconds: float, evaluations: int) -> None:
        self._tables["timings"].row((step, f"{seconds:.4f}", evaluations))
        for table in self._tables.values():
            table.flush()


class NoLogs(Logs):
    """The logs of a run that is done already and trains along with others: its tables are not touched."""

    def __init__(self) -> None:
        super().__init__({})

    def metrics(self, step: int, seeds: Iterable[int], metric: str, values: Iterable[float]) -> None:
        pass

    def diagnostics(self, step: int, seed: int, layer: int, metric: str, value: float) -> None:
        pass

    def spectrum(self, step: int, seed: int, layer: int, frequencies: Iterable[int], power: Iterable[float]) -> None:
        pass

    def frame(self, step: int, seed: int, channel: int, values: Iterable[float]) -> None:
        pass

    def timing(self, step: int, seconds: float, evaluations: int) -> None:
        pass


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

    @property
    def first(self) -> list[int]:
        """The row of theta of each run's first seed."""
        return [sum(self._counts[:i]) for i in range(len(self._counts))]

    def frame(self, step: int, row: int, channel: int, values: Iterable[float]) -> None:
        logs, seed = self._owners[row]
        logs.frame(step, seed, channel, values)

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
