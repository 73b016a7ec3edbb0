"""Breaks runs at random and says whether anything was lost, or anything said that is not so.

usage: scripts/faults [--minutes 10] [--seed 0] [--only KIND ...] [--readme]
       scripts/faults --repeat SEED ...

Every fault has a seed of its own, from which it can be repeated; what a kill meets hangs on the clock, too. After each,
what was broken is gone on with or read, by the real command: a result must be that of an undisturbed run, byte for byte
but for times, or there must be a sentence that names what is broken; no traceback, no status "running" of nobody,
nothing half-written. --readme puts the table into outputs/readme/faults.md. It needs Linux, for its small disks.
"""

import argparse
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
from marked import ROOT, fill
from replay import PRELOAD, become, paint_nothing
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

WORDS = "task=function layer=chebyshev widths=[in,3,out] task.train=50 seeds=2 name=x diagnostics=true"
RUN = f"{WORDS} steps=400 log_every=1 checkpoint=0.02".split()
SWEEP = ["-m", *RUN, "init=default,glorot,lecun"]
PLACE = Path("outputs/x/v001")
TIMED = (
    rb'"(started|ended|seconds|train_seconds|milliseconds_per_step|peak_memory_bytes|git_commit|seal)": .*'
    rb'|"timings\.csv": \{[^}]*\}'
)
PATIENCE = 120  # seconds, after which a command counts as hanging
SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
HOWS = ("delete", "empty", "cut", "flip", "zeros", "append", "text", "folder", "swap")


@dataclass
class Said:
    """How a command ended, and what it printed."""

    code: int
    text: str

    @property
    def wrong(self) -> str:
        """What no command may do, whatever happened to it."""
        if "Traceback" in self.text:
            return f"a traceback: {self.text[-600:]}"
        return f"exit code {self.code}: {self.text[-300:]}" if self.code not in (0, 1, 2, *SIGNALS.values()) else ""


@dataclass
class Tally:
    tried: Counter = field(default_factory=Counter)
    wrong: list[tuple[int, str, str]] = field(default_factory=list)  # seed, kind, what


@dataclass
class World:
    """What faults are done to: folders made once, of which each fault has copies, and what undisturbed runs leave."""

    root: Path
    seconds: float = 0.0  # that a run takes
    size: int = 0  # bytes that it leaves
    done: dict[str, bytes] = field(default_factory=dict)
    swept: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)  # of the report on the sweep, by run
    compared: str = ""
    diagnosed: str = ""

    @classmethod
    def make(cls, root: Path) -> "World":
        world = cls(root)
        for name, words in {"done": RUN, "swept": SWEEP}.items():
            (root / name).mkdir()
            began = time.monotonic()
            said = command(words, root / name)
            assert said.code == 0, said.text
            world.seconds = world.seconds or time.monotonic() - began
        world.done, world.swept = results(root / "done"), results(root / "swept")
        world.size = sum(file.stat().st_size for file in (root / "done").rglob("*") if file.is_file())
        (root / "stopped").mkdir()
        process = start(RUN, root / "stopped")
        until(lambda: steps_done(root / "stopped" / PLACE) > 100)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        told = world.copy("swept", "told")
        command(["report", str(PLACE)], told)
        world.rows = rows(told)
        world.compared = command(compare_words(), told).text
        world.diagnosed = losses(
            command(["diagnose", str(PLACE), "--seconds", "0.3"], world.copy("done", "told2")).text
        )
        return world

    def copy(self, name: str, to: str) -> Path:
        shutil.copytree(self.root / name, self.root / to, symlinks=True)
        return self.root / to


def start(words: Sequence[str], work: Path) -> int:
    """A process of its own that is the command, from one that has all libraries; returns its number."""
    streams = work / ".said" / f"{time.monotonic_ns()}"
    streams.mkdir(parents=True)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        paint_nothing()
        become(words, str(work), streams)
    _streams[child] = streams
    return child


_streams: dict[int, Path] = {}


def wait(process: int) -> Said:
    """How it ended; of one that hangs, that it did."""
    deadline = time.monotonic() + PATIENCE
    while True:
        number, status = os.waitpid(process, os.WNOHANG)
        if number:
            streams = _streams.pop(process)
            said = [streams / name for name in ("out", "err")]  # which one that was killed at once has not made
            text = "".join(file.read_text("utf-8", "replace") for file in said if file.is_file())
            return Said(os.waitstatus_to_exitcode(status), text)
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return Said(-signal.SIGKILL, f"hangs: nothing for {PATIENCE} s")
        time.sleep(0.005)


def command(words: Sequence[str], work: Path) -> Said:
    return wait(start(words, work))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.002)


def steps_done(run: Path) -> int:
    with contextlib.suppress(OSError):
        return (run / "metrics.csv").read_bytes().count(b"val_loss,") // 2 if (run / "checkpoint.pt").exists() else 0
    return 0


def results(root: Path) -> dict[str, bytes]:
    """Every file of every run that is no measurement of time, by its place."""
    found = {}
    for file in sorted((root / "outputs").rglob("*")):
        inside = file.relative_to(root)
        if file.is_file() and not file.name.startswith(".") and not {".packs", "report"} & set(inside.parts):
            found[str(inside)] = file.read_bytes()
    found = {name: data for name, data in found.items() if not name.endswith(("timings.csv", "sweep.json"))}
    return {n: re.sub(TIMED, b"", data) if n.endswith("run.json") else data for n, data in found.items()}


def apart(found: dict[str, bytes], wanted: dict[str, bytes]) -> str:
    """The files in which results differ from those of an undisturbed run."""
    names = [name for name in sorted(found | wanted) if found.get(name) != wanted.get(name)]
    return f"not as undisturbed: {', '.join(names[:4])}" if names else ""


def leftovers(root: Path) -> str:
    """What must not be left once a run is done."""
    left = [str(p.relative_to(root)) for p in root.rglob(".*") if p.name.endswith((".part", ".reserve"))]
    return f"left behind: {', '.join(left[:3])}" if left else ""


def rows(root: Path) -> dict[str, str]:
    """The rows of a report, by run, as text."""
    table = pd.read_csv(root / PLACE / "report" / "report.csv", dtype=str).drop(columns=["arm", "setting", "compared"])
    return {str(run): own.to_csv(index=False) for run, own in table.groupby("run")}


def compare_words() -> list[str]:
    return ["compare", str(PLACE / "default"), str(PLACE / "glorot")]


def losses(text: str) -> str:
    """Seeds and their losses before a diagnosis, from its table."""
    return " ".join(f"{m[1]} {m[2]}" for m in re.finditer(r"(?m)^\s+(\d+)\s+([\d.e-]+)\s+[\d.e-]+\s", text))


# Kinds of faults: each does one, and returns what was wrong, empty where nothing was


def kill(world: World, rng: np.random.Generator, place: Path) -> str:
    """kill -9 at random moments, one to three times, and on again"""
    words: Sequence[str] = RUN
    for _ in range(rng.integers(1, 4)):
        process = start(words, place)
        time.sleep(rng.uniform(0, 1.1 * world.seconds))
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        wait(process)
        words = ["resume", str(PLACE)]
    return _go_on(world, place)


def ask(world: World, rng: np.random.Generator, place: Path) -> str:
    """SIGINT, SIGTERM or SIGHUP at a random moment, once or twice, and on again"""
    name, twice = str(rng.choice(list(SIGNALS))), bool(rng.integers(2))
    process = start(RUN, place)
    time.sleep(rng.uniform(0, 1.1 * world.seconds))
    for pause in [0.0, rng.uniform(0, 0.05)][: 1 + twice]:
        time.sleep(pause)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, getattr(signal, name))
    said = wait(process)
    record = place / PLACE / "run.json"
    if not record.is_file():  # before anything was written, Python itself may have heard it
        return "" if said.code in (SIGNALS[name], -getattr(signal, name), 1) else f"exit code {said.code}"
    if said.wrong:
        return said.wrong
    status = json.loads(record.read_text())["status"]
    right = {"done": (0, SIGNALS[name]), "interrupted": (SIGNALS[name],)}
    forced = name == "SIGINT" and twice  # a second Ctrl-C leaves at once
    if said.code not in right.get(status, ()) and not (forced and said.code == SIGNALS[name]):
        return f"{name}: exit code {said.code}, status {status}"
    return _go_on(world, place)


def damage(world: World, rng: np.random.Generator, place: Path) -> str:
    """a file of a run or sweep deleted, emptied, cut, zeroed, a bit of it flipped, ..., then read by a command"""
    subject = str(rng.choice(["done", "stopped", "swept"]))
    shutil.rmtree(place)
    shutil.copytree(world.root / subject, place, symlinks=True)
    runs = [place / PLACE] if subject != "swept" else [place / PLACE / job for job in ("default", "glorot", "lecun")]
    run = runs[rng.integers(len(runs))]
    names = ["run.json", "config.yaml", "model.pt", "metrics.csv", "timings.csv", "diagnostics.csv", "spectra.csv"]
    files = [run / name for name in [*names, "checkpoint.pt"]] + [place / PLACE / "sweep.json"]
    files = [file for file in files if file.is_file()]
    file = files[rng.integers(len(files))]
    if not _harm(file, str(rng.choice(HOWS)), rng, world):
        return ""
    asked = {
        "done": ("resume", "report", "diagnose"),
        "stopped": ("resume", "report"),
        "swept": ("report", "compare", "resume"),
    }
    word = str(rng.choice(asked[subject]))
    words = {"compare": compare_words(), "diagnose": ["diagnose", str(PLACE), "--seconds", "0.3"]}
    said = command(words.get(word, [word, str(PLACE)]), place)
    if said.wrong:
        return f"{word}, {file.name}: {said.wrong}"
    if said.code == 2 or (said.code == 1 and word == "resume"):
        return "" if "error: " in said.text or "is damaged" in said.text else f"{word}: exit code 2 without a sentence"
    if word == "report":
        return _report_is_true(world, place, said, run) if subject == "swept" else ""
    if word == "compare":
        return "" if said.text == world.compared or str(run.relative_to(place)) in said.text else "another verdict"
    if word == "diagnose":
        return "" if losses(said.text) == world.diagnosed else f"other losses after damage to {file.name}"
    wanted = world.swept if subject == "swept" else world.done
    return "" if str(file.name) in said.text else apart(results(place), wanted)


def disk(world: World, rng: np.random.Generator, place: Path) -> str:
    """a disk that is full before the run is done, made larger, and on again"""
    (place / "outputs").mkdir()
    answer = place / "answer"
    child = os.fork()
    if child == 0:  # in a namespace of its own, which ends with it
        try:
            _mount(place / "outputs", int(rng.uniform(0.1, 0.95) * world.size))
            answer.write_text(_fill(world, place))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return answer.read_text() if answer.is_file() else "the fault itself failed"


def race(world: World, rng: np.random.Generator, place: Path) -> str:
    """several resumes of one killed run, or runs into one name, at once"""
    count = int(rng.integers(2, 5))
    if rng.integers(2):
        ends = [wait(process) for process in [start(RUN, place) for _ in range(count)]]
        if any(said.wrong or said.code for said in ends):
            return next(said.wrong or said.text[-300:] for said in ends if said.wrong or said.code)
        found = {version.name for version in (place / "outputs/x").glob("v*")}
        if found != {f"v{i + 1:03d}" for i in range(count)}:
            return f"versions {sorted(found)}"
        for i in range(count):
            here = {n.replace(f"v{i + 1:03d}", "v001"): d for n, d in results(place).items() if f"v{i + 1:03d}" in n}
            if why := apart(here, world.done):
                return f"v{i + 1:03d} {why}"
        return leftovers(place)
    shutil.rmtree(place)
    shutil.copytree(world.root / "stopped", place, symlinks=True)
    ends = [wait(process) for process in [start(["resume", str(PLACE)], place) for _ in range(count)]]
    refused = [said for said in ends if said.code == 2 and "another process is at work on it" in said.text]
    if len(refused) == count or any(said.wrong for said in ends):
        return f"exit codes {[said.code for said in ends]}"
    return apart(results(place), world.done) or leftovers(place)


def vanish(world: World, rng: np.random.Generator, place: Path) -> str:
    """the folder or a table of a run under way deleted, moved or cut"""
    process = start(RUN, place)
    until(lambda: (place / PLACE / "metrics.csv").exists())
    time.sleep(rng.uniform(0, world.seconds))
    kind = str(rng.choice(["delete", "move", "cut", "checkpoint"]))
    with contextlib.suppress(OSError):
        if kind == "delete":
            shutil.rmtree(place / "outputs", ignore_errors=True)
        elif kind == "move":
            os.rename(place / "outputs", place / "moved")
        elif kind == "cut":
            os.truncate(place / PLACE / "metrics.csv", 50)
        else:
            (place / PLACE / "checkpoint.pt").unlink()
    said = wait(process)
    if said.wrong:
        return f"{kind}: {said.wrong}"
    if said.code == 1:
        return "" if "error: " in said.text else f"{kind}: exit code 1 without a sentence"
    if kind in ("cut", "checkpoint"):
        report = command(["resume", str(PLACE)], place)
        return report.wrong or apart(results(place), world.done)
    return ""


def sweep(world: World, rng: np.random.Generator, place: Path) -> str:
    """a sweep of three jobs killed or asked to end at a random moment, and on again"""
    process = start(SWEEP, place)
    number = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT][rng.integers(3)]
    time.sleep(rng.uniform(0, 3 * world.seconds))
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)
    said = wait(process)
    if number != signal.SIGKILL and said.code not in (0, 128 + number, -number):
        return f"exit code {said.code}: {said.text[-300:]}"
    if not (place / PLACE / "sweep.json").is_file():
        return ""
    again = command(["resume", str(PLACE)], place)
    if again.wrong or again.code:
        return again.wrong or again.text[-300:]
    return apart(results(place), world.swept) or leftovers(place)


KINDS: dict[str, tuple[Callable[[World, np.random.Generator, Path], str], float]] = {
    "kill": (kill, 0.1),
    "ask": (ask, 0.12),
    "damage": (damage, 0.56),
    "disk": (disk, 0.06),
    "race": (race, 0.06),
    "vanish": (vanish, 0.06),
    "sweep": (sweep, 0.04),
}


def _go_on(world: World, place: Path) -> str:
    """Resume, to the end of an undisturbed run; where nothing had been written, nothing is there to resume."""
    begun = (place / PLACE / "run.json").is_file()
    said = command(["resume", str(PLACE)], place)
    if said.wrong:
        return said.wrong
    if not begun:
        return "" if said.code == 2 else f"exit code {said.code} of a run that never began"
    if said.code:
        return said.text[-300:]
    return apart(results(place), world.done) or leftovers(place)


def _harm(file: Path, how: str, rng: np.random.Generator, world: World) -> bool:
    """Damage a file; returns whether it is another than before."""
    before = file.read_bytes()
    at = int(rng.integers(max(1, len(before))))
    if how in ("delete", "folder"):
        file.unlink()
        if how == "folder":
            file.mkdir()
        return True
    # Of another start: the job of the default one is the run itself, by other words.
    other = [path for path in (world.root / "swept").rglob(file.name) if path.is_file() and "default" not in path.parts]
    after = {
        "empty": b"",
        "cut": before[:at],
        "flip": before[:at] + bytes([before[at] ^ (1 << int(rng.integers(8)))]) + before[at + 1 :] if before else b"",
        "zeros": bytes(len(before)),
        "append": before + before[at:],
        "text": b"just text\n",
        "swap": other[int(rng.integers(len(other)))].read_bytes() if other else b"",
    }[how]
    file.write_bytes(after)
    return after != before


def _report_is_true(world: World, place: Path, said: Said, run: Path) -> str:
    """Rows of sound runs are as before; those of the damaged one too, or they are left out with a sentence."""
    found, damaged = rows(place), str(run.relative_to(place))
    for name, before in world.rows.items():
        if found.get(name) == before:
            continue
        if name != damaged:
            return f"{name}: other rows, and it is {damaged} that was damaged"
        if name in found or f"left out: {damaged}" not in said.text:
            return f"{name}: other rows, or none, without a sentence"
    return ""


def _fill(world: World, place: Path) -> str:
    said = command(RUN, place)
    if said.code != 1 or "the disk is full" not in said.text or "Traceback" in said.text:
        if said.code == 2 and "cannot write to" in said.text:
            return ""
        return f"exit code {said.code}: {said.text[-400:]}"
    if left := [file.name for file in place.rglob(".*.part")]:
        return f"left behind: {left}"
    _mount(place / "outputs", 2**26, 32)  # MS_REMOUNT
    record = place / PLACE / "run.json"
    if record.is_file() and json.loads(record.read_text())["status"] != "interrupted":
        return f"status {json.loads(record.read_text())['status']}"
    return _go_on(world, place)


def _mount(folder: Path, size: int, flags: int = 0) -> None:
    """A disk of so many bytes at a folder, seen by this process and its children alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not flags:
        if libc.unshare(0x00020000 | (0x10000000 if os.getuid() else 0)):  # CLONE_NEWNS, CLONE_NEWUSER
            raise OSError(ctypes.get_errno(), "unshare")
        libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None)  # MS_REC, MS_PRIVATE
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, f"size={size}".encode()):
        raise OSError(ctypes.get_errno(), "mount")


def inject(world: World, seed: int, only: Sequence[str]) -> tuple[str, str]:
    """One fault: its kind, and what was wrong."""
    rng = np.random.default_rng(seed)
    names = [name for name in KINDS if not only or name in only]
    weights = np.array([KINDS[name][1] for name in names])
    kind = str(rng.choice(names, p=weights / weights.sum()))
    place = world.root / f"fault-{seed}"
    place.mkdir()
    try:
        wrong = KINDS[kind][0](world, rng, place)
    except Exception as error:
        wrong = f"the fault itself failed: {type(error).__name__}: {error}"
    if not wrong:
        shutil.rmtree(place, ignore_errors=True)
    return kind, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--most", type=int, default=10**9, help="faults")
    parser.add_argument("--seed", type=int, default=0, help="of the first fault; the others count up from it")
    parser.add_argument("--only", nargs="+", default=[], choices=list(KINDS))
    parser.add_argument("--repeat", type=int, nargs="+", default=[], metavar="SEED")
    parser.add_argument("--readme", action="store_true")
    given = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "COLUMNS": "120", "TERM": "dumb"}
    for name in PRELOAD:
        import_module(name)
    import torch

    torch.set_num_threads(1)
    out, tally = Console(), Tally()
    root = Path(tempfile.mkdtemp(prefix="faults-"))
    out.print(f"in {root}; making what is to be broken", highlight=False)
    world, began = World.make(root), time.monotonic()
    seeds = given.repeat or range(given.seed, given.seed + given.most)
    # Ctrl-C ends it early, with the table of what was tried until then.
    with contextlib.suppress(KeyboardInterrupt), Progress(console=out, transient=True) as bar:
        task = bar.add_task("faults", total=len(given.repeat) or 60 * given.minutes)
        for seed in seeds:
            kind, wrong = inject(world, seed, given.only)
            tally.tried[kind] += 1
            if wrong:
                tally.wrong.append((seed, kind, wrong))
                out.print(f"seed {seed}, {kind}: {wrong}", markup=False, highlight=False)
            bar.update(task, advance=1) if given.repeat else bar.update(task, completed=time.monotonic() - began)
            if not given.repeat and time.monotonic() - began > 60 * given.minutes:
                break
    _tell(tally, out, given.readme)
    if not tally.wrong:
        shutil.rmtree(root, ignore_errors=True)
    return int(bool(tally.wrong))


def _tell(tally: Tally, out: Console, readme: bool) -> None:
    counts = Counter(kind for _, kind, _ in tally.wrong)
    shown, lines = Table("fault", "tried", "right", "wrong"), ["| fault | tried | right | wrong |", "|---|---|---|---|"]
    for name in [*KINDS, "all"]:
        tried, wrong = (c.total() if name == "all" else c[name] for c in (tally.tried, counts))
        what = KINDS[name][0].__doc__ if name in KINDS else "all"
        shown.add_row(what, str(tried), str(tried - wrong), str(wrong))
        lines.append(f"| {what} | {tried:,} | {tried - wrong:,} | {wrong} |")
    out.print(shown)
    if readme:
        fill(ROOT / "outputs/readme/faults.md", "faults", "\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
