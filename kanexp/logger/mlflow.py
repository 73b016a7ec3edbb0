"""MLflow's store of runs."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from kanexp.logger.base import Logger, Tell

MOST = 1000  # rows that MLflow takes at once


@dataclass(frozen=True)
class MLflow(Logger):
    """A run of MLflow's for each run, with a metric for each seed: mlflow server --backend-store-uri URI."""

    uri: str = "sqlite:///mlflow.db"
    experiment: str = "kanexp"
    flush: float = 10.0  # seconds until a row can be seen

    def __post_init__(self):
        if ":" not in self.uri:
            raise ValueError(f"uri must name a store, such as sqlite:///mlflow.db, got '{self.uri}'")
        if not self.flush > 0:
            raise ValueError(f"flush must be positive, got {self.flush}")

    @property
    def needs(self) -> str:
        return "mlflow"

    @property
    def file(self) -> str:
        """Where the store is a file of SQLite's; else empty."""
        return self.uri.removeprefix("sqlite:///") if self.uri.startswith("sqlite:///") else ""

    def track(self, folder: Path, overrides: Sequence[str]) -> AbstractContextManager[Tell]:
        return _batches(self, folder, overrides)


def _experiment(client: Any, name: str) -> str:
    """Its number, under which runs are; made where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.create_experiment(name)
    except MlflowException:
        known = client.get_experiment_by_name(name)
        if known is None:
            raise
        return known.experiment_id


@contextmanager
def _batches(logger: MLflow, folder: Path, overrides: Sequence[str]) -> Iterator[Tell]:
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    # One of a sweep's jobs at a time: MLflow takes no care that a new store is made once.
    with FileLock(f"{file}.lock") if (file := logger.file) else nullcontext():
        client = MlflowClient(logger.uri)
        owner = _experiment(client, logger.experiment)
    run = client.create_run(owner, run_name="/".join(folder.resolve().parts[-3:])).info.run_id
    client.log_batch(run, params=[Param(*override.split("=", 1)) for override in overrides])
    rows: list[Any] = []
    sent = time.monotonic()

    def send() -> None:
        nonlocal sent
        while rows:
            client.log_batch(run, metrics=rows[:MOST])
            del rows[:MOST]
        sent = time.monotonic()

    def tell(step: int, seed: int, metric: str, value: float) -> None:
        rows.append(Metric(f"{metric}/seed_{seed}", value, int(1000 * time.time()), step))
        if len(rows) >= MOST or time.monotonic() - sent > logger.flush:
            send()

    status = "FAILED"
    try:
        yield tell
        status = "FINISHED"
    finally:
        send()
        client.set_terminated(run, status)
