"""kanexp prune: as few edges as the validation loss allows."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kanexp.error import ConfigError
from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp prune",
        description="Take edges away from the networks of a finished run, the least important first, and train on "
        "after each cut. A cut is kept where the seed's validation loss stays within the tolerance; else it is taken "
        "back and half as many edges go; where one is too many, the least important node or input, and where that is "
        "too much, the seed is done. The result is a run in outputs/NAME-pruned.",
    )
    made.add_argument("run", metavar="RUN", type=Path, help="a run folder, such as outputs/NAME/latest")
    made.add_argument(
        "--tolerance", type=float, default=0.1, help="how much the validation loss may rise, as a share (default: 0.1)"
    )
    made.add_argument("--cut", type=float, default=0.2, help="share of the edges that goes at once (default: 0.2)")
    made.add_argument("--steps", type=int, help="of training after each cut (default: a quarter of the run's own)")
    made.add_argument(
        "--optimizer", default="own", help="own, the run's (default), lbfgs or levenberg_marquardt, both in float64"
    )
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    optimizers = ("own", "lbfgs", "levenberg_marquardt")
    wrong = [
        (0 <= given.tolerance < float("inf"), f"--tolerance: must be zero or more, got {given.tolerance}"),
        (0 < given.cut < 1, f"--cut: must be above 0 and below 1, got {given.cut}"),
        (given.steps is None or given.steps >= 1, f"--steps: must be at least 1, got {given.steps}"),
        (given.optimizer in optimizers, f"--optimizer: must be {' or '.join(optimizers)}, got {given.optimizer}"),
    ]
    if mistakes := [sentence for right, sentence in wrong if not right]:
        raise ConfigError(*mistakes)
    find_components()
    from kanexp.run.prune import prune

    return prune(given.run, given.tolerance, given.cut, given.steps, given.optimizer)
