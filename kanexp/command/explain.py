"""kanexp explain: what the networks of a run use to give their answers."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp explain",
        description="What the networks of a finished run use: importance of columns, nodes and edges over seeds, pairs "
        "of columns and their structure, the network as a graph, and its formula. Writes tables and figures beside the "
        "run's own.",
    )
    made.add_argument("run", metavar="RUN", type=Path, help="a run folder, such as outputs/NAME/latest")
    made.add_argument("--formula", action="store_true", help="write formulas, too, as kanexp formula does")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    find_components()
    from kanexp import console
    from kanexp.attribution.explain import attribute, relate
    from kanexp.attribution.learned import Learned

    learned = Learned.of(given.run, "explain")
    for part in (attribute, relate):  # each says and writes its own
        part(learned)
    console.say(f"{learned.folder.figures}")
    if given.formula:
        from kanexp.formula.writing import tell_formulas
        from kanexp.trained.trained import load

        tell_formulas(load(given.run))
    return 0
