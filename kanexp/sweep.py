"""Several runs from one command: every combination of the values given, one folder each."""

import re
from collections.abc import Sequence

from kanexp import console
from kanexp.catalog import GROUPS
from kanexp.config import Words, default_name
from kanexp.error import ConfigError
from kanexp.experiment import build_experiment
from kanexp.run import check_data, run
from kanexp.run_folder import new_version


def sweep(jobs: Sequence[Words]) -> int:
    """Run all jobs in outputs/<name>/vNNN/<job>/; a job that fails does not stop the others.

    Returns 0, 1 if any job failed, 130 on Ctrl-C. Raises ConfigError, before anything is written, with the mistakes
    of all jobs.
    """
    _check(jobs)
    first = jobs[0]
    folder = new_version(str(first.values["output_dir"]), default_name(first, jobs))
    names = job_names(jobs)
    codes = []
    for i, (name, words) in enumerate(zip(names, jobs, strict=True)):
        console.say(f"[{i + 1}/{len(jobs)}] {name}")
        (folder / name).mkdir()
        codes.append(run(words, folder / name))
        if codes[-1] == 130:
            console.say(f"stopped: {i} of {len(jobs)} jobs done, {folder}")
            return 130
    failed = [name for name, code in zip(names, codes, strict=True) if code != 0]
    for name in failed:
        console.say(f"failed or diverged: {name}")
    console.say(f"\n{len(jobs) - len(failed)} of {len(jobs)} jobs done, {folder}\ncompare them: kanexp report {folder}")
    return int(bool(failed))


def job_names(jobs: Sequence[Words]) -> list[str]:
    """A folder name for each job from the words in which the jobs differ: fourier-smooth, frequencies=120-glorot."""
    pairs = [[text.split("=", 1) for text in words.overrides] for words in jobs]
    differing = [key for i, (key, _) in enumerate(pairs[0]) if len({job[i][1] for job in pairs}) > 1]
    names = []
    for job in pairs:
        parts = [value if key in GROUPS else f"{key.split('.')[-1]}={value}" for key, value in job if key in differing]
        names.append(re.sub(r"[^\w=.,+\[\]-]+", "_", "-".join(parts))[:100] or "job")
    # Values that differ only in what a file name cannot hold still get folders of their own.
    return [name if names.count(name) == 1 else f"{name}-{i + 1}" for i, name in enumerate(names)]


def _check(jobs: Sequence[Words]) -> None:
    mistakes: list[str] = []
    for words in jobs:
        try:
            check_data(build_experiment(words))
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(*dict.fromkeys(mistakes))
