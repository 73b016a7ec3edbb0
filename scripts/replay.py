"""Whether the working tree writes and says what a git revision did, byte for byte, timings apart.

A fixed set of small commands (replay_cases.py) is run with each of the two trees, and all files they leave and all text
they print are compared (replay_compare.py, which lists what is free to differ). Of kanexp nothing is imported: it is
driven by its command line alone, so that its modules may move. What a revision did is kept in
outputs/replay/<its commit>, a folder per case, and is not run again; what the working tree did, in
outputs/replay/working.

usage: scripts/replay [REV] [--only WORD ...] [--again]    REV is HEAD unless another is given
       scripts/replay --compare FOLDER FOLDER              two recordings such as outputs/replay/<commit>
Exit code: 0 the same, 1 something differs.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import platform
import queue
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from replay_cases import BLANK, EQUAL, FORKED, FRESH, KILLED, SETTLE, Case, Step, cases, left_out
from replay_compare import Recording, differences

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "outputs" / "replay"
AT_ONCE = 2  # cases
LIMIT = 1800  # seconds that one command may take, on a busy machine
# Imported once for many commands, which then take a second each instead of five; nothing of kanexp.
PRELOAD = (
    "torch.fx.experimental.symbolic_shapes",
    "pandas",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "scipy.stats",
    "scipy.special",
    "sklearn.datasets",
    "hydra",
    "rich.progress",
    "rich.table",
    "jinja2",
    "filelock",
)
LIBRARIES = (
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "scikit-learn",
    "pillow",
    "hydra-core",
    "rich",
    "jinja2",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/replay", description=__doc__.splitlines()[0])
    parser.add_argument("rev", nargs="?", default="HEAD", metavar="REV", help="git revision to compare with")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="only cases whose names contain one of these words")
    parser.add_argument("--again", action="store_true", help="run the revision again, too")
    parser.add_argument("--compare", nargs=2, type=Path, metavar="FOLDER", help="compare two recordings; run nothing")
    given = parser.parse_args()
    if given.compare:
        return tell(*given.compare, given.only)
    commit = git("rev-parse", "--verify", f"{given.rev}^{{commit}}").decode().strip()
    before, after = KEPT / commit, KEPT / "working"
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        # Names of one length: where text is set in columns, so are the paths in it.
        ours, theirs = Path(folder, "before"), Path(folder, "behind")
        extract(commit, ours / "tree")
        copy_working_tree(theirs / "tree")
        record(ours, before, given.only, again=given.again)
        record(theirs, after, given.only, again=True)
    return tell(before, after, given.only)


def say(text: str) -> None:
    print(text, flush=True)


def git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", ROOT, *words], stdout=subprocess.PIPE, check=True).stdout


def extract(commit: str, tree: Path) -> None:
    """A revision's files, as git has them."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as files:
        files.extractall(tree, filter="data")


def copy_working_tree(tree: Path) -> None:
    """The working tree as it is now, new files too, so that work on it can go on."""
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0"):
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def record(place: Path, kept: Path, only: Sequence[str] | None, again: bool) -> None:
    """Run the cases that are not kept yet, or all of them, with place/tree; what is no longer in the set goes."""
    found = {case.name: case for case in cases(place / "tree" / "conf")}
    asked = [case for case in found.values() if chosen(case.name, only)]
    for folder in kept.glob("*"):
        case = found.get(folder.name)
        if case is None or told(folder).get("key") != key(case) or (again and case in asked):
            shutil.rmtree(folder)
    todo = [case for case in asked if not told(kept / case.name)]
    began = time.monotonic()
    say(f"{kept.name}: {len(todo)} of {len(asked)} cases to run")
    servers: queue.SimpleQueue[Server] = queue.SimpleQueue()
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(min(AT_ONCE, len(todo))):
            servers.put(stack.enter_context(Server(surroundings(place))))
        list(pool.map(lambda case: _borrowed(servers, case, place, kept), todo))
    say(f"{kept.name}: {time.monotonic() - began:.0f} s")


def _borrowed(servers: "queue.SimpleQueue[Server]", case: Case, place: Path, kept: Path) -> None:
    server = servers.get()
    try:
        carry_out(case, server, place, kept / case.name)
    finally:
        servers.put(server)


def chosen(name: str, only: Sequence[str] | None) -> bool:
    return only is None or any(word in name for word in only)


def told(folder: Path) -> dict[str, str]:
    """How the case in a folder was recorded; empty where it was not, or not to its end."""
    try:
        return dict(json.loads((folder / "case.json").read_text("utf-8")))
    except FileNotFoundError:
        return {}


def key(case: Case) -> str:
    """Of all that bytes may depend on beside the tree: what was recorded under another one is recorded again."""
    return hashlib.sha256(repr((case, _machine())).encode()).hexdigest()[:16]


@cache
def _machine() -> tuple[str, ...]:
    cpu = Path("/proc/cpuinfo")
    model = [line for line in cpu.read_text("utf-8").splitlines() if "model name" in line][:1] if cpu.is_file() else []
    versions = [f"{name} {version(name)}" for name in LIBRARIES]
    return (platform.python_version(), platform.machine(), str(os.cpu_count()), *model, *versions)


def surroundings(place: Path) -> dict[str, str]:
    """The environment of every command: the tree in this place, one thread, one width of the terminal."""
    fixed = {"OMP_NUM_THREADS": "1", "COLUMNS": "120", "TERM": "dumb", "TZ": "UTC", "PYTHONHASHSEED": "0"}
    own = {"PYTHONPATH": str(place / "tree"), "PYTHONPYCACHEPREFIX": str(place / "compiled")}
    return {**os.environ, **fixed, **own}


def carry_out(case: Case, server: "Server", place: Path, kept: Path) -> None:
    """Run a case's steps in a folder of its own, then keep that folder and, in said/, all that was printed."""
    folder = place / "cases" / case.name
    work, said = folder / "work", folder / "said"
    for name, content in case.files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content)
    work.mkdir(parents=True, exist_ok=True)
    said.mkdir()
    for number, step in enumerate(case.steps, 1):
        if step.how == SETTLE:
            settle(work)
        elif step.how == EQUAL:
            one, other = ((work / word).read_bytes() for word in step.command.split())
            (said / f"{number:02}.txt").write_text(f"{step.command}: {'equal' if one == other else 'DIFFERENT'}\n")
        else:
            (said / f"{number:02}.txt").write_text(_run(step, server, work, folder), "utf-8")
    shutil.move(folder, kept)
    facts = {"key": key(case), "at": str(work), "tree": str(place / "tree")}
    (kept / "case.json").write_text(json.dumps(facts), "utf-8")


def _run(step: Step, server: "Server", work: Path, streams: Path) -> str:
    """All that one command printed, and its exit code; of one that is killed, only that: the rest is up to chance."""
    run = {FORKED: server.run, BLANK: server.run_blank, FRESH: server.run_fresh, KILLED: server.run_killed}[step.how]
    code = run(shlex.split(step.command), work, streams)
    if code == -signal.SIGALRM:  # half a recording is none
        raise TimeoutError(f"kanexp {step.command}: takes more than {LIMIT} s")
    texts = []
    for name in ("out", "err"):
        texts.append((streams / name).read_text("utf-8", "backslashreplace"))
        (streams / name).unlink()
    said = "" if step.how == KILLED else "--- on standard error\n".join(texts)
    return f"$ kanexp {step.command}\n{said}--- exit code {code}\n"


def settle(work: Path) -> None:
    """Give all runs below times and memory made up from their order, as if they had taken so long."""
    for number, record in enumerate(sorted(work.rglob("run.json"))):
        minute = f'"2026-01-01T00:{number:02}'
        made_up = {
            "train_seconds": f"{1 + number / 8}",
            "seconds": f"{2 + number / 8}",
            "peak_memory_bytes": "400000000",
        }
        made_up |= {"started": f'{minute}:00+00:00"', "ended": f'{minute}:30+00:00"'}
        text = record.read_text("utf-8")
        for name, value in made_up.items():
            text = re.sub(rf'("{name}": )[^,\n]+', rf"\g<1>{value}", text)
        # The digest of timings.csv goes with them, and so does the seal of it all.
        record.write_text(re.sub(r'"timings\.csv": \{[^}]*\},\s*|,\s*"seal": "\w*"', "", text), "utf-8")
        timings = record.with_name("timings.csv")
        if timings.is_file():
            timings.write_text(re.sub(r"(?m)^([0-9]+),[^,\n]+,", r"\1,\1.5,", timings.read_text("utf-8")), "utf-8")


class Server:
    """Runs the command in an environment; from a process that has imported the libraries, unless it is to be fresh.

    Each way of running it takes the command's words, the folder to be in, and one for what it prints: out and err.
    All return its exit code.
    """

    def __init__(self, environment: Mapping[str, str]):
        self._environment = environment
        command = [sys.executable, __file__, "--serve"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()  # closes its standard input, which ends it

    def run(self, words: Sequence[str], work: Path, streams: Path, blank: bool = False) -> int:
        """From the process that waits."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([words, str(work), str(streams), blank]), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def run_blank(self, words: Sequence[str], work: Path, streams: Path) -> int:
        """Likewise, without painting figures."""
        return self.run(words, work, streams, blank=True)

    def run_fresh(self, words: Sequence[str], work: Path, streams: Path) -> int:
        """In a process as a user starts it."""
        with self._started(words, work, streams) as process:
            try:
                return process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                return -signal.SIGALRM

    def run_killed(self, words: Sequence[str], work: Path, streams: Path) -> int:
        """Likewise, until it has left its first checkpoint."""
        with self._started(words, work, streams) as process:
            while process.poll() is None and not list(work.rglob("checkpoint.pt")):
                time.sleep(0.005)
            process.kill()
            return process.wait()

    def _started(self, words: Sequence[str], work: Path, streams: Path) -> subprocess.Popen:
        command, none = [sys.executable, "-m", "kanexp.cli", *words], subprocess.DEVNULL
        with open(streams / "out", "wb") as out, open(streams / "err", "wb") as err:
            return subprocess.Popen(command, cwd=work, env=self._environment, stdin=none, stdout=out, stderr=err)


def serve() -> None:
    """Run each command that a line of standard input has, and answer with its exit code."""
    for name in PRELOAD:
        import_module(name)
    for line in sys.stdin:
        words, work, streams, blank = json.loads(line)
        child = os.fork()
        if child == 0:
            if blank:
                paint_nothing()
            become(words, work, Path(streams))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def paint_nothing() -> None:
    """Have matplotlib write empty pictures: laying out and painting figures takes nine tenths of a small run."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    Figure.draw = lambda figure, renderer: None
    ConstrainedLayoutEngine.execute = lambda engine, figure: None


def become(words: Sequence[str], work: str, streams: Path) -> None:
    """Make this process what `python -m kanexp.cli` with these words is. Does not return."""
    signal.alarm(LIMIT)
    os.chdir(work)
    for number, (name, mode) in enumerate([(os.devnull, "rb"), (streams / "out", "wb"), (streams / "err", "wb")]):
        with open(name, mode) as file:
            os.dup2(file.fileno(), number)
    sys.argv = ["kanexp", *words]
    sys.path[0] = work
    code: object = 0
    try:
        runpy.run_module("kanexp.cli", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code or 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def tell(before: Path, after: Path, only: Sequence[str] | None) -> int:
    """Print every difference of two recordings; returns the exit code."""
    ours, theirs = ({f.name for f in side.iterdir() if told(f) and chosen(f.name, only)} for side in (before, after))
    apart, files = 0, 0
    for name in sorted(ours | theirs):
        if name not in ours:
            say(f"{name}: only after, not compared")
        elif name not in theirs:
            apart += 1
            say(f"{name}: only before")
        else:
            one, other = Recording.read(before / name), Recording.read(after / name)
            if told(one.path)["key"] != told(other.path)["key"]:
                say(f"{name}: recorded with other commands, libraries or machines, which may be all that differs")
            files += len(one.files())
            for difference in differences(one, other):
                apart += 1
                say(f"{name}/{difference}")
    for sentence in left_out():
        say(f"left out: {sentence}")
    result = f"{apart} differences" if apart else "the same"
    say(f"{result}: {len(ours & theirs)} cases, {files} files; before {before.name}, after {after.name}")
    return int(apart > 0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        sys.exit(main())
