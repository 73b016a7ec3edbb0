"""The page served on this machine while runs go on: it asks for what is new, and nothing is written."""

import hashlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from jinja2 import Environment

from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.names import RECORD
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.version import find_runs
from kanexp.report import pair, table
from kanexp.report.page import page
from kanexp.report.report import Findings, Question, find

HOST = "127.0.0.1"  # nobody on another machine sees it
WAITING = Environment(autoescape=True).from_string(
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>kanexp watch</title>'
    '<p style="font: 16px sans-serif; margin: 3em">{{ sentence }}</p>'
)
Mark = tuple[object, ...]  # of a run: its record, its words, whether it is at work, and last its metrics


class View:
    """What there is to see of the runs below a path, made anew where their files have changed."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()  # browsers ask at the same time
        self._runs: dict[Path, tuple[Mark, table.Run | None, str]] = {}
        self._found: tuple[object, Findings | None] = (None, None)
        self._page: tuple[str, bytes] = ("", b"")

    def tag(self) -> str:
        """A short text that is another one whenever there is something new."""
        marks = [(str(folder.path), _mark(folder)) for folder in find_runs(self.path)]
        return f'"{hashlib.sha256(repr(marks).encode()).hexdigest()[:32]}"'

    def page(self) -> tuple[str, bytes]:
        """The tag and the page it belongs to."""
        with self._lock:
            tag = self.tag()
            if tag != self._page[0]:
                self._page = tag, self._make().encode("utf-8")
            return self._page

    def _make(self) -> str:
        folders = find_runs(self.path)
        read = [self._read(folder) for folder in folders]
        runs = table.with_later_options([run for _, run, _ in read if run])
        left_out = [problem for _, _, problem in read if problem]
        if not runs:
            return WAITING.render(sentence=f"There are no runs below {self.path} yet.")
        try:
            found = self._find(runs, left_out, [mark for mark, _, _ in read])
        except ConfigError as error:
            return WAITING.render(sentence=str(error))
        return page(found, pair.as_table(found.pairs), live=str(self.path))

    def _find(self, runs: list[table.Run], left_out: list[str], marks: list[Mark]) -> Findings:
        """Findings hang on records alone, not on the metrics that grow meanwhile."""
        told = [mark[:-1] for mark in marks]
        if self._found[0] != told or self._found[1] is None:
            self._found = told, find(runs, left_out, Question())
        return self._found[1]  # type: ignore[return-value]

    def _read(self, folder: RunFolder) -> tuple[Mark, table.Run | None, str]:
        mark = _mark(folder)
        known = self._runs.get(folder.path)
        if known is None or known[0][:-1] != mark[:-1]:
            try:
                known = mark, table.read_one(folder), ""
            except UnreadableRun as error:
                known = mark, None, str(error)
            self._runs[folder.path] = known
        return known


def _mark(folder: RunFolder) -> Mark:
    return (_stat(folder.path / RECORD), _stat(folder.config), folder.held, _stat(folder.metrics))


def _stat(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:  # not there yet, or gone
        return None
    return found.st_mtime_ns, found.st_size


class Handler(BaseHTTPRequestHandler):
    """Answers with the page and nothing else."""

    server: "Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        # Another site's script reaches this machine under a name of its own; it is told nothing.
        if (self.headers.get("Host") or "").rpartition(":")[0] not in (HOST, "localhost"):
            return self._answer(403, b"only as 127.0.0.1 or localhost")
        if self.path.split("?")[0] != "/":
            return self._answer(404, b"there is one page: /")
        if self.headers.get("If-None-Match") == self.server.view.tag():
            return self._answer(304)
        tag, text = self.server.view.page()
        return self._answer(200, text, {"ETag": tag, "Content-Type": "text/html; charset=utf-8"})

    do_HEAD = do_GET

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", **(headers or {})}.items():
            self.send_header(key, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304 and self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the terminal is for the user."""


class Server(ThreadingHTTPServer):
    """Serves the view of a path until it is shut down."""

    daemon_threads = True  # a browser that keeps its connection open keeps nobody from ending

    def __init__(self, path: Path, port: int = 0):
        """Raises ConfigError where there is no such folder, or the port is taken."""
        if not path.is_dir():
            raise ConfigError(f"{path}: no such folder; give one with runs below it, or that a sweep is writing to")
        self.view = View(path)
        try:
            super().__init__((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "not a port"
            raise ConfigError(
                f"--port: {port} cannot be listened to ({why}); leave it out to take a free one"
            ) from None

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that has gone before it was answered is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
