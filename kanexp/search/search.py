"""A search: trials whose settings Optuna chooses, each when it begins, from what the others have told by then.

No sweeper plugin of Hydra's: such a sweeper hands out jobs in batches that it knows beforehand and waits for the
slowest of each. Here all trials are jobs of one plan, the launcher runs some at a time, and a trial asks for its
settings in its own process; so a search can do what a sweep can, continue, isolate, run on many machines.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from kanexp import console
from kanexp.config.catalog import Catalog
from kanexp.config.compose import load
from kanexp.config.launcher import launcher_options
from kanexp.config.run_config import RunConfig, default_name
from kanexp.config.settings import Settings
from kanexp.config.sweeper import Search, build_sweeper
from kanexp.error import ConfigError
from kanexp.figure.search_figures import history
from kanexp.figure.style import save
from kanexp.folder.file import UnreadableRun
from kanexp.folder.names import STUDY
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sheet import write_sheet
from kanexp.folder.sweep_folder import SweepFolder
from kanexp.folder.version import new_version, versions
from kanexp.search.space import Space, read
from kanexp.search.study import check, check_journal, range_text
from kanexp.search.trial import objective, settle, space, study, was_pruned
from kanexp.sweep import plan
from kanexp.sweep.launch import LOCAL, require_launcher
from kanexp.sweep.plan import Job, Plan
from kanexp.sweep.sweep import announce, carry_out, claim, invite, threads
from kanexp.sweep.sweep import check as check_jobs

WORKER = "kanexp.search.worker"


def search(overrides: Sequence[str], catalog: Catalog, command: str = "") -> int:
    """Run trials until there are n_trials in outputs/<name>/vNNN/trial-NNN; the newest such search is continued.

    Returns as a sweep does. Raises ConfigError, before anything is written, with what is wrong in the command or at
    any choice or end of an interval.
    """
    wanted, jobs, how, settings = accept(overrides, catalog)
    name, base = default_name(jobs[0], jobs), _side_by_side(jobs[0], how)
    record = {"hash": base.hash, "fixed": list(wanted.fixed), "space": wanted.plain, "sweeper": asdict(how)}
    parent = Path(settings.output_dir).expanduser() / name
    with ExitStack() as locks:
        found = None if settings.rerun in (True, "all") else _find(parent, record)
        if found and not claim(found, locks):
            raise ConfigError(f"{found.path}: another command is at work on the same search; wait for it or stop it")
        make = parent / "vNNN" if settings.dry_run or found else new_version(settings.output_dir, name)
        todo = plan.read(found, base.folders) if found else Plan(SweepFolder(make), [])
        todo.search = record
        _add_trials(todo, base, how.n_trials)
        todo.threads = todo.threads or threads(base, settings.device, len(todo.jobs))
        for line in describe(wanted):
            console.say(line)
        if settings.dry_run:
            announce(todo, settings.rerun == "failed")
            return 0
        if not found:
            claim(todo.folder, locks)
        return _begin(todo, base, command, again=settings.rerun == "failed")


def accept(overrides: Sequence[str], catalog: Catalog) -> tuple[Space, list[RunConfig], Search, Settings]:
    """What a search may choose from, a run for every choice and end of an interval, the sweeper's options and theirs.

    Raises ConfigError with all for which a search is refused.
    """
    check()
    wanted = read(overrides, catalog)
    jobs = [load(wanted.overrides(values), catalog)[0] for values in wanted.corners()]
    settings = check_jobs(jobs)[0][0].settings
    how, _ = build_sweeper(jobs[0])
    assert isinstance(how, Search)
    require_launcher(launcher_options(_side_by_side(jobs[0], how)))
    if settings.tune is not None:
        raise ConfigError("tune: sweeper=optuna chooses the values itself; leave one of the two out")
    return wanted, jobs, how, settings


def describe(wanted: Space) -> list[str]:
    """What is searched, a line for each key."""
    return [f"{key}: {range_text(values)}" for key, values in wanted.searched.items()]


def resume(folder: SweepFolder) -> int:
    """Go on with a search in its folder, as the command that began it would."""
    check()
    todo = plan.read(folder)
    with ExitStack() as locks:
        if not claim(folder, locks):
            raise ConfigError(f"{folder.path}: another command is at work on it; wait for it or stop it")
        return _begin(todo, todo.jobs[0].config, folder.read_plan()["command"])


def _begin(todo: Plan, base: RunConfig, command: str, again: bool = False) -> int:
    for job in todo.jobs:
        if not job.folder.path.is_dir():
            job.folder.path.mkdir()
            job.folder.write_config(job.config.yaml)
    todo.update(command)
    _ask(todo, again)
    announce(todo)
    invite(todo)
    code = carry_out(todo, launcher_options(base), str(base.values["device"]), command, WORKER)
    _settle(todo)
    _conclude(todo)
    return code


def _side_by_side(config: RunConfig, how: Search) -> RunConfig:
    """The words of a search, with a launcher that runs so many trials at once."""
    launcher = launcher_options(config)
    if how.at_once is not None:
        launcher[_width(launcher)] = how.at_once
    return replace(config, values=config.values | {"launcher": launcher})


def _width(launcher: Mapping[str, Any]) -> str:
    """The launcher's option that says how many jobs run at once."""
    if "array_parallelism" in launcher:
        return "array_parallelism"
    if launcher["plugin"] == LOCAL:
        return "workers"
    raise ConfigError(
        f"sweeper.at_once: launcher={launcher['plugin']} alone decides how many run at once; leave it out"
    )


def _find(parent: Path, record: dict[str, Any]) -> SweepFolder | None:
    """The newest version below a folder of the same search, of whatever number of trials."""

    def same(one: dict[str, Any]) -> Any:
        return one["hash"], one["space"], {k: one["sweeper"][k] for k in ("sampler", "pruner", "seed")}

    for version in reversed(versions(parent)):
        folder = SweepFolder(version)
        try:
            written = folder.read_plan().get("search")
        except UnreadableRun:
            continue
        if written and same(written) == same(record):
            return folder
    return None


def _add_trials(todo: Plan, base: RunConfig, count: int) -> None:
    """Jobs up to that number, all alike until they begin."""
    for number in range(len(todo.jobs), count):
        name = f"trial-{number:03d}"
        todo.jobs.append(Job(name, base, RunFolder(todo.folder.path / name)))
        todo.packs.append([number])


def _ask(todo: Plan, again: bool) -> None:
    """A trial of the study for every job, and with `again` another for each that failed."""
    check_journal(todo.folder.study)
    known = study(todo)
    if begun := [job.name for job in todo.jobs[len(known.jobs()) :] if job.status != "waiting"]:
        raise UnreadableRun(f"{todo.folder.path}: {STUDY} is damaged: it knows nothing of {begun[0]}, which has begun")
    for number in range(len(known.jobs()), len(todo.jobs)):
        known.ask(number)
    _settle(todo)
    for number, job in enumerate(todo.jobs):
        if again and job.status == "failed":
            job.folder.forget()
            todo.folder.checkpoint(number).unlink(missing_ok=True)
            known.ask_again(number)


def _settle(todo: Plan) -> None:
    """Tell the study of jobs that ended without telling, because they were killed."""
    known = study(todo)
    for number, job in enumerate(todo.jobs):
        settle(known, number, job.folder)


def _conclude(todo: Plan) -> None:
    """The best trial as a sentence, all of them as a table and a figure."""
    table = trials(todo)
    write_sheet(table, todo.folder.trials)
    ended = table[table["status"] == "complete"].dropna(subset=["val_loss"])
    if ended.empty:
        return
    best = ended.loc[ended["val_loss"].idxmin()]
    todo.folder.figures.mkdir(exist_ok=True)
    drawn = table[["trial", "status", "val_loss", "best"]]
    write_sheet(drawn, todo.folder.figures / "history.csv")
    save(history(drawn), todo.folder.figures / "history")
    chosen = " ".join(f"{key}={best[key]}" for key in space(todo).searched)
    counts = ", ".join(f"{n} {status}" for status, n in table["status"].value_counts().items())
    console.say(
        f"{counts}; best: {best['job']} with validation loss {best['val_loss']:.4g} (median over seeds): {chosen}"
    )


def trials(todo: Plan) -> pd.DataFrame:
    """A row per trial: what became of it, its validation loss (median over seeds), and what was chosen.

    The validation loss of a pruned trial is that of the steps it took, and counts for no best.
    """
    chosen = study(todo).jobs()
    rows = []
    for number, job in enumerate(todo.jobs):
        row: dict[str, Any] = {"trial": number, "job": job.name, "status": job.status, "val_loss": None, "best": None}
        if job.status == "done":
            record = job.folder.read_record()
            row |= {"status": "pruned" if was_pruned(record) else "complete", "val_loss": objective(record)}
            row |= {"steps": record.steps, "evaluations": sum((record.evaluations or {}).values())}
        rows.append(row | dict(chosen[number].params))
    table = pd.DataFrame(rows)
    complete = table["status"] == "complete"
    table["best"] = table["val_loss"].where(complete).astype(float).cummin().ffill()
    return table
