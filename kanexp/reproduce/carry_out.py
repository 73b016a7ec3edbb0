"""The command: runs the rows, judges them, and writes the table of reproductions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kanexp import console
from kanexp.config import compose
from kanexp.config.catalog import Catalog
from kanexp.config.run_config import RunConfig
from kanexp.data import picture_sets
from kanexp.error import ConfigError
from kanexp.folder.file import write
from kanexp.folder.sheet import write_sheet
from kanexp.interrupt import was_asked
from kanexp.reproduce import latex, markdown, page
from kanexp.reproduce.outcome import Outcome, judge, whole
from kanexp.reproduce.row import Reproduction, load_rows, split_command
from kanexp.sweep.sweep import sweep


def carry_out(rows: Sequence[Reproduction], catalog: Catalog, out: Path) -> int:
    """Run what has not run yet, print every verdict, write reproduce.csv, .tex, .md and .html below `out`.

    Their names say if they are of the quick version and, where these are not all rows, of which they are.
    Returns 0 where every claim is met, 1 where one is not or a run failed, 128 + n ended by signal n.
    Rows whose data is nowhere to be had are left out, and it is said why.
    Raises ConfigError, before the first run, with the mistakes of all commands, and where no row is left.
    """
    stem = out / _stem(rows, len(load_rows(catalog, [], rows[0].quick)))
    rows, left_out = _with_data(rows)
    commands = _load(rows, catalog, out)
    outcomes: list[Outcome] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for row in rows:
            console.say(f"\n{row.name}: {row.row.title}" + (f" (quick: {row.differs})" if row.quick else ""))
            for name, jobs in commands[row.name].items():
                console.say(f"$ kanexp -m {row.commands[name]}")
                if was_asked(code := sweep(jobs)):
                    return code
            outcomes.append(judge(row, out / row.folder))
            _say(outcomes[-1])
            _write(outcomes, left_out, stem)  # after every row: a table that is stopped half-way is half a table
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror}); choose another with --out DIR") from error
    failed = [outcome.row.name for outcome in outcomes if not outcome.met]
    console.say(f"\n{len(rows) - len(failed)} of {len(rows)} rows met in {_seconds(outcomes)}")
    for name in failed:
        console.say(f"not met: {name}")
    for sentence in left_out:
        console.say(f"left out: {sentence}")
    console.say(f"{stem}.html")
    return int(bool(failed))


def _with_data(rows: Sequence[Reproduction]) -> tuple[list[Reproduction], list[str]]:
    """The rows whose data is here or can be fetched, and a sentence about each of the others."""
    found, left_out = [], []
    for row in rows:
        try:
            if row.row.needs:
                picture_sets.fetched(row.row.needs)
            found.append(row)
        except ValueError as error:
            left_out.append(f"{row.name}: {str(error).removeprefix('data_dir: ')}")
    if not found:
        raise ConfigError(*left_out)
    return found, left_out


def _load(rows: Sequence[Reproduction], catalog: Catalog, out: Path) -> dict[str, dict[str, list[RunConfig]]]:
    """The jobs of every command; where they go is set here and is no word of the command."""
    loaded: dict[str, dict[str, list[RunConfig]]] = {}
    mistakes: list[str] = []
    for row in rows:
        loaded[row.name] = {}
        for name, text in row.commands.items():
            place = {"output_dir": str(out / row.folder), "name": name}
            try:
                jobs = compose.load(split_command(text), catalog, sweep=True)
            except ConfigError as error:
                mistakes += [f"{row.name}: {mistake}" for mistake in error.mistakes]
                continue
            loaded[row.name][name] = [replace(job, values=job.values | place) for job in jobs]
    if mistakes:
        raise ConfigError(*mistakes)
    return loaded


def _say(outcome: Outcome) -> None:
    lines = [(v.claim, v.published, v.ours, v.asked, verdict) for v, verdict in outcome.verdicts]
    title = f"{outcome.row.name}: {outcome.runs.seconds:.0f} s"
    console.table(title, ("claim", "published", "ours: median [lowest, highest]", "asked", "verdict"), lines)
    for problem in outcome.problems:
        console.say(problem)
    for remark in outcome.row.remarks:
        console.say("\n  $ ".join([f"remark: {remark.text}", *remark.commands]))


def _stem(rows: Sequence[Reproduction], all_rows: int) -> str:
    """A name for the tables, so that those of some rows do not replace those of all."""
    quick = ["quick"] if rows[0].quick else []
    return "-".join(["reproduce", *quick, *(row.name for row in rows if len(rows) < all_rows)])[:100]


def _write(outcomes: Sequence[Outcome], left_out: Sequence[str], stem: Path) -> None:
    write_sheet(whole(outcomes), Path(f"{stem}.csv"))
    texts = {
        "tex": latex.table(outcomes),
        "md": markdown.table(outcomes),
        "html": page.page(outcomes, left_out),
    }
    for suffix, text in texts.items():
        write(Path(f"{stem}.{suffix}"), text)


def _seconds(outcomes: Sequence[Outcome]) -> str:
    total = sum(outcome.runs.seconds for outcome in outcomes)
    return f"{total:.0f} s" if total < 120 else f"{total / 60:.1f} minutes"
