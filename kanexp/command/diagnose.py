"""kanexp diagnose: was it the optimizer, or what the network can express?"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kanexp.error import ConfigError
from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp diagnose",
        description="Continue the best state of a finished run to a stationary point by second-order optimization: "
        "was it the optimizer, or what the network can express?",
    )
    made.add_argument("run", metavar="RUN", type=Path, help="a run folder, such as outputs/NAME/latest")
    made.add_argument("--seconds", type=float, default=60.0, help="at most so many (default: 60)")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    if not 0 < given.seconds < float("inf"):
        raise ConfigError(f"--seconds: must be positive, got {given.seconds}")
    find_components()
    from kanexp.run.diagnose import diagnose

    return diagnose(given.run, given.seconds)
