"""kanexp reproduce: published results against ours."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kanexp.config.catalog import find_catalog
from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp reproduce",
        description="Run the table of published results, or the rows named, and print published against ours. "
        "What has run is not run again.",
    )
    made.add_argument("rows", nargs="*", metavar="ROW", help="only these rows (default: all but those that take hours)")
    made.add_argument("--quick", action="store_true", help="fewer seeds or steps, wider bands: minutes")
    made.add_argument("--list", action="store_true", help="print the rows and stop")
    made.add_argument("--out", type=Path, default=Path("outputs/reproduce"), help="default: outputs/reproduce")
    made.add_argument("--config-dir", action="append", default=[], type=Path, help="a folder of your own rows, too")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    catalog = find_catalog(given.config_dir)
    from kanexp.reproduce.row import load_rows, row_files

    names = given.rows or (list(row_files(catalog)) if given.list else [])
    rows = load_rows(catalog, names, given.quick)
    if given.list:
        for row in rows:
            alone = " (hours: only where it is named)" if row.row.alone and not row.quick else ""
            print(f"{row.name:<22} {row.row.title}{alone}" + (f"\n{'':<22} quick: {row.differs}" if row.quick else ""))
        return 0
    find_components(given.config_dir)
    from kanexp.reproduce.carry_out import carry_out

    return carry_out(rows, catalog, given.out)
