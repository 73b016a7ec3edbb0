"""What a sweep is to do, written in its folder before it begins: its jobs, and which of them train together."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kanexp.config.catalog import SUBJECTS
from kanexp.config.plain_name import cut
from kanexp.config.run_config import RunConfig
from kanexp.config.seeds import UntilDecided
from kanexp.folder.file import UnreadableRun
from kanexp.folder.restore import read_run_config, with_values
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sweep_folder import SweepFolder
from kanexp.folder.version import versions
from kanexp.paths import recorded


@dataclass
class Job:
    """One run of a sweep, in the folder of its name."""

    name: str
    config: RunConfig
    folder: RunFolder

    @property
    def current(self) -> RunConfig:
        """Words of the job as its folder has them: those of a search are chosen when the job begins."""
        return read_run_config(self.folder) if self.folder.known_record() else self.config

    @property
    def status(self) -> str:
        """Status of the job in its run.json; "waiting" where it has none."""
        record = self.folder.known_record()
        return record.status if record else "waiting"


@dataclass
class Plan:
    """Jobs, and packs as lists of their numbers; the threads of each process decide how it rounds."""

    folder: SweepFolder
    jobs: list[Job]
    packs: list[list[int]] = field(default_factory=list)
    threads: int | None = None
    search: dict[str, Any] | None = None  # what Optuna chooses from, and how; None where the jobs are known

    def write(self, command: str, since: int = 0) -> None:
        """The plan, and in its own folder the configuration of each job from this number on."""
        for job in self.jobs[since:]:
            job.folder.path.mkdir(exist_ok=True)
            job.folder.write_config(job.config.yaml)
        self.update(command)

    def add(self, jobs: Sequence[tuple[str, RunConfig]]) -> None:
        """More jobs, by the names of their folders, which are in no pack yet."""
        self.jobs += [Job(name, config, RunFolder(self.folder.path / name)) for name, config in jobs]

    def update(self, command: str) -> None:
        jobs = [
            {
                "name": job.name,
                "hash": job.config.hash,
                "choices": job.config.choices,
                "overrides": list(job.config.overrides),
            }
            for job in self.jobs
        ]
        record: dict[str, Any] = {"command": command, "jobs": jobs, "packs": self.packs, "threads": self.threads}
        record |= {"search": self.search, "config_dirs": list(self.jobs[0].config.folders)}
        self.folder.write_plan(record)

    def members(self, number: int) -> list[Job]:
        return [self.jobs[i] for i in self.packs[number]]

    def to_run(self, failed_too: bool = False) -> list[int]:
        """Packs with jobs that did not end, or that failed if those count too."""
        ended = ("done",) if failed_too else ("done", "failed")
        return [n for n in range(len(self.packs)) if any(job.status not in ended for job in self.members(n))]


def new(folder: SweepFolder, jobs: Sequence[RunConfig]) -> Plan:
    """A plan of jobs that nothing is known of yet, in a folder that need not be there."""
    plan = Plan(folder, [])
    plan.add(list(zip(job_names(jobs), jobs, strict=True)))
    return plan


def read(folder: SweepFolder, folders: tuple[str, ...] | None = None, pack: int | None = None) -> Plan:
    """The plan in a folder, with the configuration folders recorded there or those of the command that goes on with it.

    For the process of a `pack` of known jobs, these alone: reading a thousand others takes it seconds.
    Raises UnreadableRun where there is none, or where the words of a job are others by now; ConfigError where a folder
    recorded is gone.
    """
    written = folder.read_plan()
    folders = recorded(written["config_dirs"]) if folders is None else folders
    entries, packs = written["jobs"], [list(own) for own in written["packs"]]
    if pack is not None and written["search"] is None:
        entries = [entries[i] for i in packs[pack]]
        packs = [list(range(len(entries))) if number == pack else [] for number in range(len(packs))]
    jobs = [_restore(folder, entry, folders) for entry in entries]
    if written["search"] is None:  # whose jobs get their words when they begin
        _check_words(jobs, [entry["hash"] for entry in entries])
    return Plan(folder, jobs, packs, written["threads"], written["search"])


def find(parent: Path, jobs: Sequence[RunConfig]) -> SweepFolder | None:
    """The newest version below a folder whose jobs are these, or with seeds until decided began with these."""
    wanted = [(name, config.hash) for name, config in zip(job_names(jobs), jobs, strict=True)]
    for version in reversed(versions(parent)):
        folder = SweepFolder(version)
        try:
            written = folder.read_plan()["jobs"]
        except UnreadableRun:
            continue
        begun = written[: len(wanted)] if UntilDecided.of(jobs[0].values["seeds"]) else written
        if [(entry["name"], entry["hash"]) for entry in begun] == wanted:
            return folder
    return None


def job_names(jobs: Sequence[RunConfig]) -> list[str]:
    """A folder name for each job from the words in which the jobs differ: fourier-smooth, frequencies=120-glorot."""
    pairs = [[text.split("=", 1) for text in config.overrides] for config in jobs]
    differing = _differing(pairs)
    names = []
    for job in pairs:
        parts = [
            value if key in SUBJECTS else f"{key.split('.')[-1]}={value}" for key, value in job if key in differing
        ]
        names.append(cut(re.sub(r"[^\w=.,+\[\]-]+", "_", "-".join(parts)), 100) or "job")
    # Values that differ only in what a file name cannot hold still get folders of their own.
    times = Counter(names)
    return [name if times[name] == 1 else f"{name}-{i + 1}" for i, name in enumerate(names)]


def _differing(pairs: Sequence[Sequence[Sequence[str]]]) -> set[str]:
    """Keys whose values are not the same in all jobs, each a list of pairs, or that some jobs do not have."""
    values: dict[tuple[str, int], list[str]] = {}
    for job in pairs:
        times: Counter[str] = Counter()
        for key, value in job:  # twice where a setting given is tuned as well
            values.setdefault((key, times[key]), []).append(value)
            times[key] += 1
    return {key for (key, _), all_of in values.items() if len(set(all_of)) > 1 or len(all_of) < len(pairs)}


def _check_words(jobs: Sequence[Job], hashes: Sequence[str]) -> None:
    for job, known in zip(jobs, hashes, strict=True):
        if job.config.hash != known:
            raise UnreadableRun(
                f"{job.folder.path}: its config.yaml, or a file that it names, is not what the sweep was begun with"
            )


def _restore(folder: SweepFolder, entry: dict[str, Any], folders: tuple[str, ...]) -> Job:
    run = RunFolder(folder.path / entry["name"])
    return Job(entry["name"], with_values(run, entry["choices"], entry["overrides"], folders), run)
