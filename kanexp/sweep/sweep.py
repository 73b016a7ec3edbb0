"""Several runs from one command: every combination of the values given, one folder each, none of them twice."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from kanexp import console
from kanexp.config.experiment import Experiment, build_experiment
from kanexp.config.launcher import launcher_options
from kanexp.config.run_config import RunConfig, default_name
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.lock import Taken
from kanexp.folder.sweep_folder import SweepFolder
from kanexp.folder.version import new_version
from kanexp.interrupt import exit_code
from kanexp.run.prepare import check as check_run
from kanexp.run.prepare import load
from kanexp.run.run import write_failure
from kanexp.sweep import plan
from kanexp.sweep.estimate import estimate
from kanexp.sweep.launch import LOCAL, WORKER, launch, require_launcher
from kanexp.sweep.plan import Job, Plan
from kanexp.sweep.progress import Board
from kanexp.sweep.until import first_batch, most_jobs, next_batch
from kanexp.train.ensemble import packs


def sweep(jobs: Sequence[RunConfig], command: str = "") -> int:
    """Run all jobs in outputs/<name>/vNNN/<job>/; whatever becomes of one, the others go on.

    The newest version of the same sweep is continued: what is done there is left alone, and what was interrupted goes
    on from its last checkpoint. Returns 0, 1 if any job failed, 128 + n ended by signal n. Raises ConfigError, before
    anything is written, with the mistakes of all jobs.
    """
    typed = first_batch(jobs)
    jobs = [config.anchored() for config in typed]
    experiments, samples = accept(jobs)
    settings = experiments[0].settings
    name = default_name(jobs[0], jobs)
    parent = Path(settings.output_dir).expanduser() / name
    with ExitStack() as locks:
        found = None if settings.rerun in (True, "all") else plan.find(parent, jobs) or plan.find(parent, typed)
        if found and not claim(found, locks):
            console.say(f"{found.path}: another command is at work on the same sweep; this one makes another version")
            found = None
        if found:
            todo = plan.read(found, jobs[0].folders)
        else:
            make = parent / "vNNN" if settings.dry_run else new_version(settings.output_dir, name)
            todo = plan.new(SweepFolder(make), jobs)
            _divide(todo, experiments, samples)
        if settings.dry_run:
            announce(todo, settings.rerun == "failed")
            return 0
        if found:
            _forget_damaged(todo)
            if settings.rerun == "failed":
                _put_anew(todo, _failed(todo))
            todo.update(command)
        else:
            claim(todo.folder, locks)
            todo.write(command)
        return _begin(todo, jobs[0], command)


def foretell(config: RunConfig) -> None:
    """Say what one run would do and how long it takes, as of a sweep: a run always makes a version of its own."""
    jobs = [config.anchored()]
    todo = plan.new(SweepFolder(Path("vNNN")), jobs)
    _divide(todo, *accept(jobs))
    announce(todo)


def resume(folder: SweepFolder) -> int:
    """Go on with a sweep in its folder, as the command that began it would. Returns as `sweep` does."""
    todo = plan.read(folder)
    with ExitStack() as locks:
        if not claim(folder, locks):
            raise ConfigError(f"{folder.path}: another command is at work on it; wait for it or stop it")
        command = folder.read_plan()["command"]
        _forget_damaged(todo)
        todo.update(command)
        return _begin(todo, todo.jobs[0].config, command)


def _begin(todo: Plan, config: RunConfig, command: str) -> int:
    announce(todo)
    invite(todo)
    launcher, device = launcher_options(config), str(config.values["device"])
    while True:
        interrupted = _carry_out(todo, launcher, device, command)
        if interrupted:
            break
        more, said = next_batch(todo)
        if said:
            console.say(said)
        if not more:
            break
        _grow(todo, more, command)
        announce(todo)
    return _summarize(todo, interrupted)


def _grow(todo: Plan, more: Sequence[tuple[str, RunConfig]], command: str) -> None:
    """Add jobs in packs of their own: those that are done stay as they are."""
    experiments, samples = check([config for _, config in more])
    known = len(todo.jobs)
    todo.add(more)
    todo.packs += [[known + i for i in pack] for pack in _packs(experiments, samples, todo.jobs[0].config)]
    todo.write(command, known)


def _divide(todo: Plan, experiments: Sequence[Experiment], samples: Sequence[int]) -> None:
    """Into packs: enough to keep the processes at work, which share this machine's threads."""
    config = todo.jobs[0].config
    todo.packs = _packs(experiments, samples, config)
    todo.threads = threads(config, experiments[0].settings.device, len(todo.packs))


def _packs(experiments: Sequence[Experiment], samples: Sequence[int], config: RunConfig) -> list[list[int]]:
    settings = experiments[0].settings
    if not settings.pack:
        return [[i] for i in range(len(experiments))]
    return packs(experiments, samples, _workers(settings.device, config))


def threads(config: RunConfig, device: str, packs: int) -> int | None:
    """Threads of each process: what the launcher says, or on this machine its share of the cores."""
    launcher = launcher_options(config)
    if launcher["plugin"] != LOCAL:
        return launcher.get("cpus_per_task")
    return max(1, (os.cpu_count() or 1) // min(_workers(device, config), packs))


def carry_out(todo: Plan, launcher: dict[str, Any], device: str, command: str, worker: str = WORKER) -> int:
    """Run what is left of a plan, by `run_pack` of the worker module; returns the exit code."""
    return _summarize(todo, _carry_out(todo, launcher, device, command, worker))


def _carry_out(todo: Plan, launcher: dict[str, Any], device: str, command: str, worker: str = WORKER) -> int:
    """The same without a last word; returns 0, or 128 + n asked to end by signal n."""
    interrupted = 0
    numbers = todo.to_run()
    while numbers and not interrupted:
        for number in numbers:
            todo.folder.forget_progress(number)
        options = _for_packs(launcher, todo, device, len(numbers))
        with Board(todo, numbers):
            try:
                ends = launch(todo.folder, numbers, options, worker)
            except KeyboardInterrupt as interrupt:
                interrupted = exit_code(interrupt)
                break
        numbers = _after_death(todo, ends)
        if numbers:
            console.say("their jobs are run again, each alone")
            todo.update(command)
    return interrupted


def accept(jobs: Sequence[RunConfig]) -> tuple[list[Experiment], list[int]]:
    """What `check` gives of the jobs of a sweep. Raises ConfigError with all for which a sweep is refused."""
    experiments, samples = check(jobs)
    if (chosen := jobs[0].choices["sweeper"]) != "grid":
        raise ConfigError(f"sweeper: an experiment chose {chosen}; say so in the command as well: sweeper={chosen}")
    require_launcher(launcher_options(jobs[0]))
    return experiments, samples


def check(jobs: Sequence[RunConfig]) -> tuple[list[Experiment], list[int]]:
    """All experiments built, their training samples counted. Raises ConfigError with the mistakes of all of them."""
    experiments, samples, mistakes = [], [], []
    counted: dict[str, int] = {}  # jobs of a sweep mostly share their data
    for name, config in zip(plan.job_names(jobs), jobs, strict=True):
        try:
            e = build_experiment(config)
            data = repr((e.task, e.settings.data_seed))
            if data not in counted:
                counted[data] = load(e)[0].train.x.shape[1]
            check_run(e, counted[data], e.settings.seed_count, launcher_options(config)["plugin"] == LOCAL)
            experiments.append(e)
            samples.append(counted[data])
        except ConfigError as error:
            mistakes += [_of_job(name, mistake) if len(jobs) > 1 else mistake for mistake in error.mistakes]
    if mistakes:
        raise ConfigError(*dict.fromkeys(mistakes))
    return experiments, samples


def _of_job(name: str, mistake: str) -> str:
    """A mistake with its job, where it does not say itself which word is wrong."""
    return f"{name}: {mistake}" if mistake.startswith("memory:") else mistake


def claim(folder: SweepFolder, locks: ExitStack) -> bool:
    """Hold the folder's lock until the stack is left; False where another command does."""
    try:
        locks.enter_context(folder.hold())
    except Taken:
        return False
    return True


def _failed(todo: Plan) -> list[int]:
    return [i for i, job in enumerate(todo.jobs) if job.status == "failed"]


def _forget_damaged(todo: Plan) -> None:
    """Jobs whose record cannot be read, or that are done and whose files are not as they were left, are to run again.

    In the packs in which they were done, to end with the same bits. Raises UnreadableRun where that cannot be.
    """
    for i, job in enumerate(todo.jobs):
        try:
            if job.folder.is_run() and (record := job.folder.read_record()).status == "done":
                job.folder.check_files(record)
        except UnreadableRun as error:
            console.say(f"{error}; the job is repeated{_beside(todo, i)}")
            job.folder.forget()


def _beside(todo: Plan, job: int) -> str:
    count = next(len(pack) for pack in todo.packs if job in pack) - 1
    return f", beside the {count} it trained with, which stay as they are" if count else ""


def _put_anew(todo: Plan, jobs: Sequence[int]) -> None:
    """These jobs leave their packs, whose other jobs are as they are, and wait for another try."""
    for number, pack in enumerate(todo.packs):
        todo.packs[number] = [i for i in pack if i not in jobs]
        if len(todo.packs[number]) < len(pack):
            todo.folder.checkpoint(number).unlink(missing_ok=True)  # it is of all of them
    todo.packs += [[i] for i in jobs]
    for i in jobs:
        todo.jobs[i].folder.forget()


def _after_death(todo: Plan, ends: dict[int, str]) -> list[int]:
    """Record jobs whose process died alone; those of one process get packs of their own, whose numbers are returned."""
    again = []
    for number, cause in ends.items():
        left = [i for i in todo.packs[number] if _has_no_process(todo.jobs[i])]
        if not left:
            continue
        cause = cause or "given up by their process, which ended without a word"
        if len(todo.packs[number]) == 1:
            for i in left:
                write_failure(todo.jobs[i].folder, todo.jobs[i].current, cause)
                console.mistakes([f"{todo.jobs[i].name}: {cause}"])
            continue
        console.say(f"{len(todo.packs[number])} jobs that trained together were {cause}")
        todo.packs[number] = [i for i in todo.packs[number] if i not in left]
        todo.folder.checkpoint(number).unlink(missing_ok=True)
        for i in left:
            todo.jobs[i].folder.forget()
            todo.packs.append([i])
            again.append(len(todo.packs) - 1)
    return again


def _has_no_process(job: Job) -> bool:
    """Whether a job of a pack that is over has not ended, nor been asked to, and nobody is at work on it."""
    return job.status in ("waiting", "lost") or (job.status == "running" and not job.folder.held)


def announce(todo: Plan, failed_too: bool = False) -> None:
    statuses = [job.status for job in todo.jobs]
    done, failed = statuses.count("done"), statuses.count("failed")
    numbers = todo.to_run(failed_too)
    running = sum(len([j for j in todo.members(n) if j.status != "done"]) for n in numbers)
    text = f"{len(todo.jobs)} job{'s' if len(todo.jobs) > 1 else ''}: {done} done, "
    text += f"{failed} failed before (rerun=failed repeats them), " if failed else ""
    text += f"{running} to run"
    sizes = sorted((len(todo.packs[n]) for n in numbers), reverse=True)
    if sizes and sizes[0] > 1:
        text += f" in {len(sizes)} pack{'s' if len(sizes) > 1 else ''} of {', '.join(map(str, sizes[:8]))}"
        text += ", ..." if len(sizes) > 8 else ""
    seconds = None
    if numbers and launcher_options(todo.jobs[0].config)["plugin"] == LOCAL:
        packs = [[job.config for job in todo.members(n)] for n in numbers]
        seconds = estimate(packs, max(1, (os.cpu_count() or 1) // (todo.threads or 1)), todo.threads)
        text += f", about {_duration(seconds)}" if seconds is not None else ""
    if (most := most_jobs(todo)) > len(todo.jobs):
        text += f"; until all is decided, up to {most} jobs"
        text += f" in {_duration(seconds * most / running)}" if running and seconds is not None else ""
    console.say(text)


def invite(todo: Plan) -> None:
    """Say how those jobs can be followed that are to run."""
    if todo.to_run():
        console.say(f"follow them: kanexp watch {todo.folder.path}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _summarize(todo: Plan, interrupted: int) -> int:
    records = [(job, job.folder.known_record()) for job in todo.jobs]
    statuses = [record.status if record else "waiting" for _, record in records]
    diverged = [(job, record) for job, record in records if record and record.lost]
    for job, record in records:
        if record and (record.status == "failed" or record.cause):
            console.say(f"{record.status}: {job.name}: {record.cause}")
        elif record and record.status == "running":
            console.say(f"running: {job.name}: another command is at work on it")
    for job, record in diverged:
        part = ", in part" if len(record.lost) < len(record.seeds) else " in all seeds"
        console.say(f"diverged{part}: {job.name}")
    folder = todo.folder.path
    console.say(f"{statuses.count('done')} of {len(todo.jobs)} jobs done, {folder}")
    if interrupted:
        console.say(f"stopped; go on with the same command, or: kanexp resume {folder}")
        return interrupted
    console.say(f"compare them: kanexp report {folder}")
    return int(bool(diverged) or set(statuses) != {"done"})


def _workers(device: str, config: RunConfig) -> int:
    """Processes at once: what the launcher says, or one for each core, or for each GPU where those are used."""
    asked = launcher_options(config).get("workers")
    if asked is not None:
        return int(asked)
    return max(1, _gpus(device)) if _gpus(device) else os.cpu_count() or 1


def _gpus(device: str) -> int:
    return torch.cuda.device_count() if device != "cpu" else 0


def _for_packs(launcher: dict[str, Any], todo: Plan, device: str, count: int) -> dict[str, Any]:
    """The launcher's options; ours is told what this sweep needs."""
    if launcher["plugin"] != LOCAL:
        return launcher
    own = {"workers": min(_workers(device, todo.jobs[0].config), count), "threads": todo.threads or 1}
    return launcher | own | {"gpus": _gpus(device), "preload": WORKER}
