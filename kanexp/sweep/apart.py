"""A pack in a process of its own, below the job in which another's launcher would run it.

Such a launcher gives up all jobs where one of its own is killed. Here it is the process below that is killed; the job
sees it, says so and ends as any other.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from kanexp.interrupt import signals_raise
from kanexp.paths import find_plugins

LOOK = 0.2  # seconds between two looks at the process
PATIENCE = 20.0  # seconds that it has for its last step when it is asked to stop

find_plugins()  # what a launcher ships names ours, and the process that unpacks it unpacks `work` first


def work(config: Any) -> int:
    """Run config.pack of the sweep in config.sweep, on whatever machine; what Hydra's launchers call.

    It works in config.folder with config.path to find components, and stops when the file config.stop is there.
    Returns the exit code of the pack. Raises RuntimeError with the cause where its process was killed.
    """
    command = [sys.executable, "-m", "kanexp.sweep.apart", config.worker, config.sweep, str(config.pack)]
    environment = os.environ | {"PYTHONPATH": config.path}
    # In a group of its own: Ctrl-C in a terminal goes to all of a group, and only this process is to say when to stop.
    process = subprocess.Popen(command, cwd=config.folder, env=environment, stdin=subprocess.PIPE, process_group=0)
    try:
        while process.poll() is None and not Path(config.stop).exists():
            time.sleep(LOOK)
    finally:  # also where the launcher's time is up
        end(process)
    if process.returncode < 0:
        raise RuntimeError(cause_of_death(process.returncode))
    return process.returncode


def end(process: subprocess.Popen) -> None:
    """Ask for the end, then insist."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    if process.poll() is None:
        process.kill()
    process.wait()


def cause_of_death(code: int) -> str:
    """What a negative exit code says."""
    cause = f"killed by {signal.Signals(-code).name}"
    return cause + ", as the system does when memory runs out" if code == -signal.SIGKILL else cause


def main(worker: str, folder: str, pack: str) -> int:
    """The process below; it ends when the one above is gone."""
    for name in ("SIGUSR1", "SIGUSR2"):  # Slurm tells all processes of a job that its time is nearly up
        with contextlib.suppress(AttributeError):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from kanexp.folder.sweep_folder import SweepFolder
    from kanexp.sweep.worker import said_to

    sweep = SweepFolder(Path(folder))
    with said_to(sweep.log(int(pack))), signals_raise():
        # A sweep that was killed may have left a job in a cluster's queue that has this pack: it is waited for.
        return import_module(worker).run_pack(sweep, int(pack), patience=-1)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
