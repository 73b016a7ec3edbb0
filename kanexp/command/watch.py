"""kanexp watch: the page of a report, served on this machine while its runs go on."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp watch",
        description="Serve a report's page on 127.0.0.1, which follows runs while they go on. Ctrl-C ends it.",
    )
    made.add_argument(
        "path",
        nargs="?",
        default=Path("outputs"),
        metavar="PATH",
        type=Path,
        help="runs are below it (default: outputs)",
    )
    made.add_argument("--port", type=int, default=0, help="default: a free one")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    from kanexp import console
    from kanexp.report.watch import Server

    with Server(given.path, given.port) as server:
        console.say(f"open {server.address} in a browser; Ctrl-C ends it, and runs go on")
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            console.say("no longer served")
    return 0
