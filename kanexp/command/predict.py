"""kanexp predict: what the networks of a run answer for new rows, on a grid, or at another size."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kanexp.error import ConfigError
from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp predict",
        description="What the networks of a finished run answer: the median and the range over seeds, of classes their "
        "probabilities. Columns are found by name, categories and missing values are treated as in training.",
    )
    made.add_argument("run", metavar="RUN", type=Path, help="a run folder, such as outputs/NAME/latest")
    made.add_argument(
        "data", metavar="DATA", nargs="?", help="a CSV or Parquet file with the inputs' columns, or pictures"
    )
    made.add_argument(
        "--grid", type=int, metavar="N", help="instead: N points along each input of a function, an equation"
    )
    made.add_argument(
        "--size", type=int, metavar="N", help="instead: the picture that was learned, its longer side N pixels"
    )
    made.add_argument("--out", type=Path, metavar="FILE", help="where to write: .csv, .parquet, or .png for a picture")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    asked = [word for word in ("data", "grid", "size") if getattr(given, word) is not None]
    if len(asked) != 1:
        raise ConfigError("predict: give one of DATA.csv, --grid N for a function or equation, --size N for a picture")
    find_components()
    from kanexp.folder.sheet import write_sheet
    from kanexp.trained import answer
    from kanexp.trained.trained import load

    run = load(given.run)
    pixels = None
    if given.size is not None:
        table, pixels = answer.picture(run, given.size)
        given.out = given.out or Path(f"picture-{given.size}.png")
    else:
        table = answer.on_grid(run, given.grid) if given.grid is not None else answer.of_file(run, given.data)
    if given.out is None:
        write_sheet(table, sys.stdout)
        return 0
    answer.introduce(run)
    if pixels is not None and given.out.suffix.lower() not in (".csv", ".parquet", ".pq"):
        answer.write_picture(pixels, given.out)
        print(f"{given.out}: {pixels.shape[1]} x {pixels.shape[0]} pixels, the median over seeds")
    else:
        answer.write_table(table, given.out)
        print(f"{given.out}: {answer.summary(table, run.encoding.names)}")
    return 0
