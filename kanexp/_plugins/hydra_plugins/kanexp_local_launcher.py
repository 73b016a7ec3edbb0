"""Hydra's launcher for one machine: a process per job, of which none takes the others down."""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from kanexp.interrupt import signals_raise
from kanexp.sweep.apart import cause_of_death

PATIENCE = 20.0  # seconds that a process has for its last step when it is asked to stop
log = logging.getLogger(__name__)


# Its options as Hydra knows them. No dataclass: other launchers ship all that Hydra knows to machines that would first
# have to find this module.
OPTIONS = {
    "_target_": "hydra_plugins.kanexp_local_launcher.LocalLauncher",
    "workers": 1,  # processes at once
    "threads": 1,  # of each, for the libraries that count them when they are loaded
    "gpus": 0,  # given out in turn, one to a process
    "preload": "torch",  # imported once, before the processes are made from it
}
ConfigStore.instance().store(group="hydra/launcher", name="kanexp_local", node=OPTIONS)


class LocalLauncher(Launcher):
    """Fresh processes from a fork server that has torch ready: 0.03 s each instead of two.

    A process that is killed is a failed job; Ctrl-C stops all of them after their step, and if this process dies, they
    end by themselves.
    """

    def __init__(self, workers: int, threads: int, gpus: int, preload: str):
        self.workers, self.threads, self.gpus, self.preload = workers, threads, gpus, preload

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all jobs; returns what became of each. Raises KeyboardInterrupt on Ctrl-C, with none left running."""
        loader = self.hydra_context.config_loader
        jobs = [(list(o), loader.load_sweep_config(self.config, list(o))) for o in job_overrides]
        waiting = list(enumerate(jobs))[::-1]
        returns: list[JobReturn] = [JobReturn(overrides=overrides, cfg=config) for overrides, config in jobs]
        start_server(self.threads, self.preload)
        context = _context()
        running: dict[int, _Running] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    number, (_, config) = waiting.pop()
                    gpu = _free(self.gpus, [one.gpu for one in running.values()])
                    one = _Running.begin(context, number, self.task_function, config, gpu)
                    running[one.process.sentinel] = one
                for sentinel in wait(list(running)):
                    one = running.pop(sentinel)  # type: ignore[arg-type]
                    one.end(returns[one.number], initial_job_idx)
        except KeyboardInterrupt:
            _stop([one.process for one in running.values()])
            raise
        return returns


@dataclass
class _Running:
    """A job's process, and the pipe that tells it by its closing that this process is gone."""

    number: int
    process: BaseProcess
    line: Connection
    gpu: int | None

    @classmethod
    def begin(
        cls, context: BaseContext, number: int, task: TaskFunction, config: DictConfig, gpu: int | None
    ) -> "_Running":
        theirs, ours = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(task, config, theirs, gpu))  # type: ignore[attr-defined]
        process.start()
        theirs.close()
        return cls(number, process, ours, gpu)

    def end(self, result: JobReturn, first: int) -> None:
        self.process.join()
        self.line.close()
        code = self.process.exitcode
        if code is not None and code >= 0:
            result.status, result.return_value = JobStatus.COMPLETED, code
            return
        cause = cause_of_death(code or 0)
        log.error("job %d was %s", first + self.number, cause)
        result.status, result.return_value = JobStatus.FAILED, RuntimeError(cause)


def _child(task: TaskFunction, config: DictConfig, line: Connection, gpu: int | None) -> None:
    """The job's process; its exit code is what the job returns."""
    # Ctrl-C in a terminal goes to all processes of a group; only the launcher is to say when to stop.
    with contextlib.suppress(AttributeError, OSError):
        os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(gpu)
    threading.Thread(target=_end_with_parent, args=(line,), daemon=True).start()
    with signals_raise():
        sys.exit(int(task(config) or 0))


def _end_with_parent(line: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        line.recv()
    os._exit(1)


def _stop(processes: Sequence[BaseProcess]) -> None:
    """Ask for the end, then insist."""
    with _deaf():
        for send, seconds in ((_interrupt, PATIENCE), (BaseProcess.terminate, 2.0), (BaseProcess.kill, 5.0)):
            for process in processes:
                if process.is_alive():
                    send(process)
            deadline = time.monotonic() + seconds
            for process in processes:
                process.join(max(0.0, deadline - time.monotonic()))


def _interrupt(process: BaseProcess) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid or 0, signal.SIGINT)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Within, a second Ctrl-C does not leave processes behind."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _free(gpus: int, taken: Sequence[int | None]) -> int | None:
    """The GPU with the fewest jobs; None where there is none to give."""
    return min(range(gpus), key=taken.count) if gpus else None


def _context() -> BaseContext:
    """Processes from the fork server, or where there is none fresh interpreters."""
    server = "forkserver" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if server else "spawn")


def start_server(threads: int, preload: str) -> None:
    """Have the fork server come up and import those modules meanwhile; does nothing where there is one already.

    Its processes are made with libraries that count on so many threads, unless they are told otherwise.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    from multiprocessing import forkserver  # not to be imported where there is none

    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ |= dict.fromkeys(names, str(threads))
    try:
        multiprocessing.get_context("forkserver").set_forkserver_preload(preload.split(","))
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
