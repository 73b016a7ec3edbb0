"""What is asked of a trained run, and where the answer goes: rows of a table, a grid, a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image as Picture

from kanexp import console
from kanexp.error import ConfigError
from kanexp.folder.file import said
from kanexp.folder.sheet import write_sheet
from kanexp.task.base import Regression
from kanexp.task.differential import Equation
from kanexp.task.image import Image
from kanexp.task.tabular import Tabular
from kanexp.task.vision import Vision
from kanexp.trained.trained import Trained

LARGEST_GRID = 10_000_000  # points


def of_file(run: Trained, file: str) -> pd.DataFrame:
    """The rows of a table, read as the run's own was, or the names of pictures, with the answers behind them."""
    try:
        if isinstance(run.task, Vision):
            files, values = run.task.read(file)
            return pd.concat([pd.DataFrame({"file": map(str, files)}), run.predict(values)], axis=1)
        rows = run.task.read(file) if isinstance(run.task, Tabular) else Tabular(path=file).read(file)
        return pd.concat([rows, run.predict(rows)], axis=1)
    except ValueError as error:
        raise ConfigError(f"{file}: {str(error).removeprefix('path: ').removeprefix('data_dir: ')}") from error


def on_grid(run: Trained, side: int) -> pd.DataFrame:
    """Answers at so many points along each input of a function or an equation, with the ends of its ranges."""
    task = run.task
    if not isinstance(task, (Regression, Equation)):
        raise ConfigError(f"--grid: {type(task).__name__} has no ranges to lay a grid over; give a table of rows")
    if not 2 <= side <= LARGEST_GRID ** (1 / len(task.ranges)):
        raise ConfigError(
            f"--grid: must be at least 2, and at most {int(LARGEST_GRID ** (1 / len(task.ranges)))} for "
            f"{len(task.ranges)} inputs, got {side}"
        )
    axes = [torch.linspace(low, high, side, dtype=torch.float64) for low, high in task.ranges]
    points = torch.stack([axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij")], dim=1)
    table = pd.DataFrame(points.numpy(), columns=run.encoding.names)
    return pd.concat([table, run.predict(points)], axis=1)


def picture(run: Trained, size: int) -> tuple[pd.DataFrame, np.ndarray]:
    """A picture of so many pixels along its longer side: its table, and pixels, the median over seeds, from 0 to 255.

    These are (rows, columns, colours). Raises ConfigError where the run is of no picture, or the size out of range.
    """
    task = run.task
    if not isinstance(task, Image):
        raise ConfigError(f"--size: {type(task).__name__} is no picture; it is for runs of task=image")
    if not 1 <= size <= 8192:
        raise ConfigError(f"--size: must be between 1 and 8192, got {size}")
    shape = task.shape_at(size)
    points = task.coordinates(shape).T
    answers = run.predict(points)
    table = pd.concat([pd.DataFrame(points.numpy(), columns=run.encoding.names), answers], axis=1)
    values = answers[[f"{name}_predicted" for name in run.encoding.targets]].to_numpy().reshape(*shape, -1)
    return table, np.round(255 * values.clip(0, 1)).astype(np.uint8)


def write_picture(pixels: np.ndarray, file: Path) -> None:
    """Raises ConfigError where it cannot be written."""
    shown = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    try:
        Picture.fromarray(shown).save(file)
    except (OSError, ValueError) as error:
        why = said(error) if isinstance(error, OSError) else str(error)
        raise ConfigError(f"--out: cannot write '{file}': {why}") from error


def write_table(table: pd.DataFrame, file: Path) -> None:
    """As CSV, or as Parquet where the file is called so. Raises ConfigError where it cannot be written."""
    try:
        if file.suffix.lower() in (".parquet", ".pq"):
            table.to_parquet(file, index=False)
        else:
            write_sheet(table, file)
    except (OSError, ImportError) as error:
        why = said(error) if isinstance(error, OSError) else str(error)
        raise ConfigError(f"--out: cannot write '{file}': {why}") from error


def introduce(run: Trained) -> None:
    """Which networks answer."""
    count = len(run.seeds)
    lost = f", {len(run.record.lost)} lost and left out" if run.record.lost else ""
    console.say(f"{run.path}: {count} seed{'s' if count > 1 else ''}{lost}; best states on validation")


def summary(table: pd.DataFrame, names: Sequence[str]) -> str:
    """How many rows were answered, and what stands in them."""
    answered = [column for column in table.columns if column not in names]
    return f"{len(table)} rows with {', '.join(map(str, answered[:6]))}{', ...' if len(answered) > 6 else ''}"
