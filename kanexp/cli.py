"""The console command. Torch, pandas and matplotlib are imported where they are needed, so that help is quick."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from kanexp.config.catalog import GROUPS, Catalog, config_folder
from kanexp.error import ConfigError

if TYPE_CHECKING:
    from kanexp.report.report import Findings

MOST_ROWS = 40  # of a table or list that a terminal shows

EXAMPLES = """\
examples:
  kanexp layer=fourier init=smooth
  kanexp task=function layer=chebyshev init=glorot seeds=10 widths=[2,6,6,1]
  kanexp -m layer=fourier,chebyshev init=default,glorot optimizer.learning_rate=1e-3,1e-2
  kanexp report outputs/image-fourier-smooth/latest"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 a run failed, 2 a mistake in the command, 130 Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    sys.path.append(str(Path(__file__).with_name("_plugins")))  # before Hydra starts, which looks for plugins once
    if "OMP_WAIT_POLICY" not in os.environ:
        # Idle threads spin for milliseconds by default, which brings two runs side by side nearly to a halt: 53 s each
        # instead of 10 for what takes 2.6 s alone. At this count they sleep soon, at 3.2 s alone.
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    try:
        if arguments[:1] == ["list"]:
            return _list(arguments[1:])
        if arguments[:1] == ["report"]:
            return _report(arguments[1:])
        if arguments[:1] == ["compare"]:
            return _compare(arguments[1:])
        if arguments[:1] == ["diagnose"]:
            return _diagnose(arguments[1:])
        if arguments[:1] == ["resume"]:
            return _resume(arguments[1:])
        if arguments[:1] == ["reproduce"]:
            return _reproduce(arguments[1:])
        return _run(arguments)
    except ConfigError as error:
        from kanexp import console

        console.mistakes(error.mistakes)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of `kanexp list | head` has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="kanexp", add_help=False, allow_abbrev=False)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    parser.add_argument("--cfg", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", action="store_true")
    given = parser.parse_intermixed_args(arguments)
    catalog = _catalog(given.config_dir)
    if given.version:
        print(f"kanexp {version('kanexp')}")
        return 0
    if given.help:
        print(_help(catalog))
        return 0

    # A user's own components lie where they work, or beside their configuration.
    _find_components(given.config_dir)
    from kanexp.config import compose
    from kanexp.config.experiment import build_experiment

    if given.multirun and not given.cfg:
        from kanexp.sweep.launch import warm_up

        warm_up()
    command = " ".join(["kanexp", *arguments])
    sweepers = [text.removeprefix("sweeper=") for text in given.overrides if text.startswith("sweeper=")]
    if given.multirun and sweepers[-1:] == ["optuna"]:
        from kanexp.search.search import search

        return search(given.overrides, catalog, command)
    jobs = compose.load(given.overrides, catalog, sweep=given.multirun)
    if given.cfg:
        for job in jobs:
            build_experiment(job)
            print(job.yaml, end="" if len(jobs) == 1 else "---\n")
        return 0
    if given.multirun:
        from kanexp.sweep.sweep import sweep

        return sweep(jobs, command)
    from kanexp.run.run import run

    return run(jobs[0])


def _find_components(folders: Sequence[Path]) -> None:
    """A user's own components lie where they work, or beside their configuration; so they do for worker processes."""
    found = [str(Path.cwd()), *(str(folder.resolve().parent) for folder in folders)]
    sys.path += [path for path in found if path not in sys.path]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), *found]))


def _list(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="kanexp list", description="Print every group and option with its defaults.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="only these groups")
    parser.add_argument("--config-dir", action="append", default=[], type=Path, help="a folder of your own options")
    given = parser.parse_args(arguments)
    if wrong := [group for group in given.groups if group not in GROUPS]:
        raise ConfigError(*(f"list: there is no group '{group}'; groups: {', '.join(GROUPS)}" for group in wrong))
    catalog = _catalog(given.config_dir)
    _find_components(given.config_dir)
    for group in given.groups or GROUPS:
        print(f"{group}=")
        for option in catalog.options[group].values():
            print(f"  {option.name:<14} {option.description}")
            defaults = "  ".join(f"{key}={_plain(value)}" for key, value in option.values.items())
            if defaults:
                print(f"  {'':<14} {defaults}")
    if not given.groups:
        print("settings\n  " + "  ".join(f"{key}={_plain(value)}" for key, value in catalog.settings.items()))
    return 0


def _report(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="kanexp report",
        description="Compare runs from their folders: tables (CSV, LaTeX), figures and report.html with statistics.",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="run folders, or folders above them")
    parser.add_argument("--by", type=_keys, default=[], metavar="KEY,KEY", help="groups and options that make an arm")
    parser.add_argument(
        "--baseline", metavar="KEY=VALUE", help="arms that others are compared with (default: all pairs)"
    )
    parser.add_argument("--metric", help="score to compare (default: the first of the task)")
    parser.add_argument("--out", type=Path, help="where to write (default: PATH/report)")
    parser.add_argument(
        "--over",
        choices=("step", "evaluations", "samples", "seconds"),
        default="step",
        help="what curves are drawn over",
    )
    given = parser.parse_args(arguments)
    from kanexp.report.report import Question, report

    out, found = report(given.paths, given.out, Question(given.by, given.baseline, given.metric, given.over))
    _show(found)
    print(out / "report.html")
    return 0


def _resume(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="kanexp resume",
        description="Go on with a run or a sweep that was stopped or killed, from its last checkpoint.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="a run's folder, or a sweep's: outputs/NAME/latest")
    given = parser.parse_args(arguments)
    _find_components([])
    from kanexp.command.resume import resume

    return resume(given.folder)


def _compare(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="kanexp compare", description="Say whether the runs in one folder are better than those in another."
    )
    parser.add_argument("first", metavar="A", type=Path, help="a run folder, or a folder above runs")
    parser.add_argument("second", metavar="B", type=Path, help="another one")
    parser.add_argument("--metric", help="score to compare (default: the first that both have)")
    given = parser.parse_args(arguments)
    from kanexp.report.compare import compare

    _show(compare(given.first, given.second, given.metric))
    return 0


def _show(found: "Findings") -> None:
    """Medians, verdicts and warnings in the terminal."""
    from kanexp import console

    several = len(found.metrics) > 1
    rows = [
        (
            f"{s.problem}: {s.arm}" if several else s.arm,
            s.metric,
            f"{s.median:.4g}",
            f"{s.low:.3g} .. {s.high:.3g}",
            f"{s.seeds}",
            f"{s.failed}",
            f"{s.trials}",
        )
        for s in found.headline().itertuples()
    ]
    columns = ("arm", "metric", "median", "interval", "seeds", "failed", "trials")
    console.table("median over seeds", columns, rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        console.say(f"and {len(rows) - MOST_ROWS} more arms in summary.csv")
    for pair in found.pairs[:MOST_ROWS]:
        console.say(pair.sentence + (f" ({pair.problem})" if several else ""))
    if len(found.pairs) > MOST_ROWS:
        console.say(f"and {len(found.pairs) - MOST_ROWS} more comparisons in comparisons.csv")
    for warning in found.warnings:
        console.say(f"warning: {warning}")
    for sentence in found.left_out:
        console.say(f"left out: {sentence}")


def _keys(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _diagnose(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="kanexp diagnose",
        description="Continue the best state of a finished run to a stationary point by second-order optimization: "
        "was it the optimizer, or what the network can express?",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder, such as outputs/NAME/latest")
    parser.add_argument("--seconds", type=float, default=60.0, help="at most so many (default: 60)")
    given = parser.parse_args(arguments)
    if not 0 < given.seconds < float("inf"):
        raise ConfigError(f"--seconds: must be positive, got {given.seconds}")
    sys.path.append(str(Path.cwd()))
    from kanexp.run.diagnose import diagnose

    return diagnose(given.run, given.seconds)


def _reproduce(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="kanexp reproduce",
        description="Run the table of published results, or the rows named, and print published against ours. "
        "What has run is not run again.",
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only these rows (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer seeds or steps, wider bands: minutes")
    parser.add_argument("--list", action="store_true", help="print the rows and stop")
    parser.add_argument("--out", type=Path, default=Path("outputs/reproduce"), help="default: outputs/reproduce")
    parser.add_argument("--config-dir", action="append", default=[], type=Path, help="a folder of your own rows, too")
    given = parser.parse_args(arguments)
    catalog = _catalog(given.config_dir)
    from kanexp.reproduce.row import load_rows

    rows = load_rows(catalog, given.rows, given.quick)
    if given.list:
        for row in rows:
            print(f"{row.name:<22} {row.row.title}" + (f"\n{'':<22} quick: {row.differs}" if row.quick else ""))
        return 0
    sys.path += [str(Path.cwd()), *(str(folder.resolve().parent) for folder in given.config_dir)]
    from kanexp.reproduce.carry_out import carry_out

    return carry_out(rows, catalog, given.out)


def _catalog(folders: Sequence[Path]) -> Catalog:
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise ConfigError(*(f"--config-dir: no such folder '{folder}'" for folder in missing))
    return Catalog((config_folder(), *(folder.resolve() for folder in folders)))


def _help(catalog: Catalog) -> str:
    groups = "\n".join(f"  {group + '=':<12} {', '.join(catalog.options[group])}" for group in GROUPS)
    settings = "  ".join(f"{key}={_plain(value)}" for key, value in catalog.settings.items())
    return f"""\
kanexp: settle claims about Kolmogorov-Arnold networks, over seeds and honestly.

usage:
  kanexp [WORD=VALUE ...]         one run; every word has a default
  kanexp -m WORD=V1,V2 ...        a sweep over all combinations
  kanexp list [GROUP ...]         every group and option, with defaults
  kanexp resume DIR               go on with a run or sweep that was stopped or killed
  kanexp report PATH ...          tables, figures, statistics and a page about finished runs
  kanexp compare A B              is one better than the other?
  kanexp diagnose RUN             was it the optimizer, or what the network can express?
  kanexp reproduce [ROW ...]      published results against ours; --quick takes minutes, --list names the rows

groups (one option each; their own settings are group.key=value):
{groups}

settings:
  {settings}

options:
  --config-dir DIR   look for options of your own in DIR/<group>/*.yaml as well
  --cfg              print the composed configuration, checked, and stop
  --version, -h, --help

{EXAMPLES}"""


def _plain(value: object) -> str:
    if isinstance(value, list):
        return "[" + ",".join(map(_plain, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    sys.exit(main())
