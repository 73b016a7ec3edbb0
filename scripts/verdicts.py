"""How often verdicts are wrong, and how often right: families of made-up arms, judged as a report judges them.

usage: scripts/verdicts [--families 10000] [--only WORD ...] [--seed 0] [--until] [--readme]

Every case has a number of arms and seeds and says how the errors of a seed are spread. In a case without a difference,
or in the arms of others that do not differ, every verdict is wrong: the share of families with any is the family-wise
error, which must be at most .05. Power is the share of true differences that are established, beside that of an exact
sign flip of seeds with Holm's correction, which kanexp used before, and of Welch's t test of log errors with Holm's.
--until is of seeds={until: decided, most: 40} instead: seeds that were spent, beside the number, the same for all arms,
that establishes as many true differences. --readme puts the tables into outputs/readme/verdicts.md.
"""

import argparse
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from marked import fill
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats as scipy_stats

from kanexp.report.family import Family, corrected, levels
from kanexp.report.stats import LEVEL, capped, holm, least_p, sign_flip
from kanexp.score.cost import BEYOND, LOST

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape)


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.exponential(size=shape)


def bimodal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Three starts in ten end in another, much worse minimum."""
    return rng.normal(size=shape) + 12 * (rng.random(shape) < 0.3)


def tied(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Scores of few test samples."""
    return np.round(rng.normal(size=shape))


def lossy(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Three seeds in ten are lost."""
    return np.where(rng.random(shape) < 0.3, LOST, rng.normal(size=shape))


def correlated(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """The same seed of other arms ends alike, though nobody said that starts are the same."""
    return np.sqrt(0.5) * (rng.normal(size=shape) + rng.normal(size=(1, *shape[1:])))


@dataclass(frozen=True)
class Case:
    """Arms of so many seeds, each shifted and stretched; families of them are drawn and judged."""

    name: str
    shifts: tuple[float, ...]
    seeds: tuple[int, ...]
    draw: Draw = normal
    spreads: tuple[float, ...] = ()
    paired: bool = False

    def families(self, rng: np.random.Generator, count: int) -> Iterable[tuple[np.ndarray, ...]]:
        most, arms = max(self.seeds), len(self.shifts)
        spreads = self.spreads or (1.0,) * arms
        for _ in range(count):
            x = self.draw(rng, (arms, most))
            lost = x >= BEYOND
            x = np.where(lost, x, x * np.array(spreads)[:, None] + np.array(self.shifts)[:, None])
            yield tuple(own[:n] for own, n in zip(x, self.seeds, strict=True))

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        return tuple(itertools.combinations(range(len(self.shifts)), 2))

    @property
    def differ(self) -> np.ndarray:
        """Which pairs truly differ."""
        return np.array([self.shifts[i] != self.shifts[j] for i, j in self.pairs])


def same(count: int, seeds: int, name: str, draw: Draw = normal, spreads: tuple[float, ...] = ()) -> Case:
    return Case(name, (0.0,) * count, (seeds,) * count, draw, spreads)


UNEQUAL = {2: (1.0, 10.0), 3: (1.0, 1.0, 10.0), 6: (1.0, 1.0, 1.0, 10.0, 10.0, 10.0), 12: (1.0,) * 6 + (10.0,) * 6}
SHAPES = {
    "normal": normal,
    "skewed": skewed,
    "bimodal": bimodal,
    "tied": tied,
    "lost seeds": lossy,
    "correlated": correlated,
}
NOTHING = [
    *(same(k, n, name, draw) for name, draw in SHAPES.items() for k, n in ((2, 5), (2, 10), (6, 6), (12, 5))),
    *(same(k, n, "normal") for k, n in ((2, 3), (2, 30), (3, 4), (3, 5), (6, 30), (20, 6))),
    *(same(k, n, "spreads 1 to 10", normal, UNEQUAL[k]) for k, n in ((2, 5), (2, 7), (2, 10), (3, 6), (6, 6), (6, 10))),
    *(same(2, n, "spreads 1 to 3", normal, (1.0, 3.0)) for n in (5, 8, 10, 20)),
    Case("unequal seeds", (0.0,) * 4, (5, 10, 20, 30)),
    Case("unequal seeds and spreads", (0.0,) * 2, (5, 20), normal, (10.0, 1.0)),
    Case("unequal seeds and spreads", (0.0,) * 2, (5, 20), normal, (1.0, 10.0)),
    Case("partners", (0.0,) * 4, (10,) * 4, correlated, paired=True),
]
SOMETHING = [
    Case("log-normal, 1.5 apart", (0.0, 1.5), (5, 5)),
    Case("log-normal, 2.5 apart", (0.0, 2.5), (5, 5)),
    Case("log-normal, 1.2 apart", (0.0, 1.2), (10, 10)),
    Case("log-normal, .7 apart", (0.0, 0.7), (30, 30)),
    Case("log-normal, one is worse by 3", (0.0, 0.0, 3.0), (5,) * 3),
    Case("log-normal, steps of 1.5", (0.0, 1.5, 3.0, 4.5, 6.0, 7.5), (6,) * 6),
    Case("log-normal, one is worse by 3", (0.0,) * 5 + (3.0,), (6,) * 6),
    Case("log-normal, two groups 2.5 apart", (0.0,) * 3 + (2.5,) * 3, (6,) * 6),
    Case("log-normal, steps of 2", (0.0, 2.0, 4.0, 6.0, 8.0, 10.0), (5,) * 6),
    Case("log-normal, steps of 1", (0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (10,) * 6),
    Case("log-normal, two groups 3 apart", (0.0,) * 6 + (3.0,) * 6, (5,) * 12),
    Case("skewed, 1.5 apart", (0.0, 1.5), (5, 5), skewed),
    Case("skewed, two groups 1 apart", (0.0, 0.0, 1.0, 1.0), (10,) * 4, skewed),
    Case("bimodal, 2 apart", (0.0, 2.0), (10, 10), bimodal),
    Case("lost seeds, 2 apart", (0.0, 2.0), (10, 10), lossy),
    Case("spreads 1 to 10, one is worse by 8", (0.0, 0.0, 8.0), (10,) * 3, normal, (1.0, 10.0, 1.0)),
    Case("partners, one is worse by 1", (0.0, 0.0, 1.0), (10,) * 3, correlated, paired=True),
]


MOST, BATCH = 40, 5
FIXED = (4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 28, 34, 40)  # seeds, the same for all arms, that may do as well
UNTIL = [
    Case("nothing differs", (0.0,) * 2, (MOST,) * 2),
    Case("nothing differs", (0.0,) * 6, (MOST,) * 6),
    Case("nothing differs, skewed", (0.0,) * 4, (MOST,) * 4, skewed),
    Case("nothing differs, lost seeds", (0.0,) * 4, (MOST,) * 4, lossy),
    Case("nothing differs, spreads 1 to 10", (0.0,) * 2, (MOST,) * 2, normal, (1.0, 10.0)),
    Case("nothing differs, partners", (0.0,) * 3, (MOST,) * 3, correlated, paired=True),
    Case(".7 apart", (0.0, 0.7), (MOST,) * 2),
    Case("1 apart", (0.0, 1.0), (MOST,) * 2),
    Case("2 apart", (0.0, 2.0), (MOST,) * 2),
    Case("4 apart", (0.0, 4.0), (MOST,) * 2),
    Case("steps of .5, 1, 2", (0.0, 0.5, 1.5, 3.5), (MOST,) * 4),
    Case("steps of 1", (0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (MOST,) * 6),
    Case("one is worse by 2", (0.0,) * 5 + (2.0,), (MOST,) * 6),
    Case("two groups 2 apart", (0.0,) * 3 + (2.0,) * 3, (MOST,) * 6),
    Case("steps of 1, 4, 3, two alike", (0.0, 1.0, 5.0, 8.0, 8.0), (MOST,) * 5),
    Case("steps of 1, skewed", (0.0, 1.0, 2.0), (MOST,) * 3, skewed),
    Case("steps of 1, partners", (0.0, 1.0, 2.0), (MOST,) * 3, correlated, paired=True),
]


@dataclass
class Judged:
    """Of many families, how many had a wrong verdict, and which share of true differences was established."""

    wrong: float
    right: float

    @classmethod
    def of(cls, told: np.ndarray, differ: np.ndarray) -> "Judged":
        wrong = float(told[:, ~differ].any(axis=1).mean()) if not differ.all() else float("nan")
        return cls(wrong, float(told[:, differ].mean()) if differ.any() else float("nan"))


def judge(case: Case, rng: np.random.Generator, count: int, rivals: bool) -> dict[str, Judged]:
    """How the report, and where they are asked for its rivals, judge so many families."""
    told: dict[str, list[np.ndarray]] = {"kanexp": [], "sign flip": [], "welch": []}
    for costs in case.families(rng, count):
        family = Family(costs, case.pairs, case.paired)
        told["kanexp"].append(_ours(family))
        if rivals:
            told["sign flip"].append(_sign_flip(family))
            told["welch"].append(_welch(family))
    return {name: Judged.of(np.array(own), case.differ) for name, own in told.items() if own}


def _ours(family: Family) -> np.ndarray:
    # Nothing is told apart where all arms together are not; all of their groups take longer.
    if len(family.costs) > 3 and family.whole_p() > LEVEL:
        return np.zeros(len(family.pairs), dtype=bool)
    return corrected([family])[0] <= LEVEL


def _sign_flip(family: Family) -> np.ndarray:
    if least_p(len(family.costs[0])) > LEVEL or len({len(own) for own in family.costs}) > 1:
        return np.zeros(len(family.pairs), dtype=bool)
    return holm([sign_flip(capped(family.costs[j] - family.costs[i], BEYOND)) for i, j in family.pairs]) < LEVEL


def _welch(family: Family) -> np.ndarray:
    worst = max(float(own[own < BEYOND].max(initial=0)) for own in family.costs)
    costs = [np.where(own < BEYOND, own, worst) for own in family.costs]
    with np.errstate(all="ignore"):
        p = [scipy_stats.ttest_ind(costs[i], costs[j], equal_var=False).pvalue for i, j in family.pairs]
    return holm(np.nan_to_num(p, nan=1.0)) <= LEVEL


def judge_until(case: Case, rng: np.random.Generator, count: int) -> tuple[Judged, float]:
    """Verdicts of sweeps with seeds until decided, and the seeds that an arm of them was given."""
    looks = tuple(range(BATCH, MOST + 1, BATCH))
    told, spent = [], []
    for costs in case.families(rng, count):
        seeds = np.full(len(costs), looks[0])
        while True:
            there = tuple(own[:n] for own, n in zip(costs, seeds, strict=True))
            family = Family(there, case.pairs, case.paired, looks)
            decided = corrected([family])[0] <= LEVEL
            more = family.going_on(decided, levels([family])[0])
            if not more or seeds.max() == MOST:
                break
            seeds[list(more)] += BATCH
        told.append(decided)
        spent.append(seeds.mean())
    return Judged.of(np.array(told), case.differ), float(np.mean(spent))


def fixed_power(case: Case, rng: np.random.Generator, count: int) -> np.ndarray:
    """The share of true differences that FIXED seeds of every arm establish."""
    cases = (replace(case, seeds=(n,) * len(case.shifts)) for n in FIXED)
    return np.array([judge(one, rng, count, rivals=False)["kanexp"].right for one in cases])


def as_good(shares: np.ndarray, power: float) -> float:
    """The number of seeds that establishes this share, between those of FIXED by a line; NaN where none does."""
    enough = np.flatnonzero(shares >= power)
    upto = enough[0] + 1 if len(enough) else 0
    return float(np.interp(power, np.maximum.accumulate(shares[:upto]), FIXED[:upto])) if upto else np.nan


def until_table(cases: Iterable[Case], seed: int, count: int, out: Console) -> list[str]:
    """Lines of the table of seeds until decided, and one of all cases together."""
    lines, powers, rights, spents = [], [], [], []

    def add(name: str, arms: str, wrong: float, right: float, spent: float, fixed: float) -> None:
        few = ("", "") if np.isnan(fixed) else (f"{fixed:.1f}", f"{1 - spent / fixed:.0%}")
        cells = (name, arms, _share(wrong), _share(right), f"{spent:.1f}", *few)
        out.print(" | ".join(cells), highlight=False)
        lines.append(f"| {' | '.join(cell or '-' for cell in cells)} |")

    for number, case in enumerate(cases):
        ours, spent = judge_until(case, np.random.default_rng((seed, 100 + number)), count)
        spents.append(spent)
        fixed = np.nan
        if case.differ.any():
            powers.append(fixed_power(case, np.random.default_rng((seed, 200 + number)), count // 4))
            rights.append(ours.right)
            fixed = as_good(powers[-1], ours.right)
        add(case.name, str(len(case.shifts)), ours.wrong, ours.right, spent, fixed)
    right = float(np.mean(rights))
    add("all together", "", np.nan, right, float(np.mean(spents)), as_good(np.mean(powers, axis=0), right))
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=[], help="cases whose names begin with one of these words")
    parser.add_argument("--until", action="store_true")
    parser.add_argument("--readme", action="store_true")
    given = parser.parse_args()
    out = Console()
    if given.until:
        cases = [case for case in UNTIL if not given.only or case.name.startswith(tuple(given.only))]
        table = until_table(cases, given.seed, given.families, out)
        if given.readme:
            head = "| errors | arms | wrong | established | seeds of an arm | fixed seeds as good | fewer |\n"
            fill("outputs/readme/verdicts.md", "until", head + "|---" * 7 + "|\n" + "\n".join(table))
        return 0
    chosen = [c for c in [*NOTHING, *SOMETHING] if not given.only or c.name.startswith(tuple(given.only))]
    lines: dict[str, list[str]] = {"wrong": [], "right": []}
    shown = Table("case", "arms", "seeds", "wrong", "power", "sign flip, Holm", "Welch, Holm")
    for number, case in enumerate(track(chosen, "cases", console=out, transient=True)):
        rng = np.random.default_rng((given.seed, number))
        found = judge(case, rng, given.families, rivals=bool(case.differ.any()))
        seeds = str(case.seeds[0]) if len(set(case.seeds)) == 1 else ", ".join(map(str, case.seeds))
        ours, rest = found["kanexp"], [found[name].right for name in ("sign flip", "welch") if name in found]
        cells = (case.name, str(len(case.shifts)), seeds, _share(ours.wrong), _share(ours.right), *map(_share, rest))
        shown.add_row(*cells)
        out.print(" | ".join(cells), highlight=False)
        line = [cell or "-" for cell in cells] if case.differ.any() else cells[:4]
        lines["right" if case.differ.any() else "wrong"].append(f"| {' | '.join(line)} |")
    if given.readme:
        head = "| spread of log errors | arms | seeds | families with a wrong verdict |\n|---|---|---|---|\n"
        fill("outputs/readme/verdicts.md", "wrong", head + "\n".join(lines["wrong"]))
        head = "| spread of log errors | arms | seeds | wrong | established | by sign flip, Holm | by Welch, Holm |\n"
        fill("outputs/readme/verdicts.md", "right", head + "|---" * 7 + "|\n" + "\n".join(lines["right"]))
    return 0


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


if __name__ == "__main__":
    raise SystemExit(main())
