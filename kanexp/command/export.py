"""kanexp export: a trained network as a file that runs without kanexp."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kanexp.error import ConfigError
from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp export",
        description="Write a trained network to a file that runs without kanexp: rows of numbers in their own units "
        "(batch, features), float64, to answers (batch, outputs); of classes, to their logits.",
    )
    made.add_argument("run", metavar="RUN", type=Path, help="a run folder, such as outputs/NAME/latest")
    made.add_argument(
        "--format", choices=("onnx", "torch"), default="torch", help="default: torch, which is torch.export"
    )
    made.add_argument("--seed", type=int, help="whose network (default: of the lowest loss on validation)")
    made.add_argument("--out", type=Path, metavar="FILE", help="where to write (default: network.pt2 or network.onnx)")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    find_components()
    from kanexp.trained.export import SUFFIXES, export
    from kanexp.trained.trained import load

    run = load(given.run)
    if given.seed is not None and given.seed not in run.seeds:
        raise ConfigError(f"--seed: must be one of {', '.join(map(str, run.seeds))}, got {given.seed}")
    if not run.seeds:
        raise ConfigError(f"{run.path}: all of its seeds were lost, and none can be written")
    seed = run.best_seed if given.seed is None else given.seed
    file = given.out or Path(f"network{SUFFIXES[given.format]}")
    if file.suffix != SUFFIXES[given.format]:
        raise ConfigError(
            f"--out: a file of --format {given.format} must end in {SUFFIXES[given.format]}, got '{file}'"
        )
    if not file.parent.is_dir():
        raise ConfigError(f"--out: there is no folder '{file.parent}' to write '{file.name}' in; make it first")
    found = export(run, given.format, file, seed)
    print(f"{file}: seed {seed}; {len(run.encoding.names)} features: {', '.join(run.encoding.names[:12])}; {found}")
    return 0
