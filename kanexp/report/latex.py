"""The summary as a LaTeX table in the style of the booktabs package."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kanexp.report.pair import ESTABLISHED, Pair
from kanexp.score.cost import Metric


def latex(summary: pd.DataFrame, pairs: Sequence[Pair], metrics: dict[str, Metric]) -> str:
    """A row per arm: parameters, seeds, lost seeds, trials, and median with interval of its problem's metric.

    Bold are the arm of the best median and those that cannot be told from it, and only where some other arm is worse
    for certain: nothing is bold without evidence.
    """
    blocks = []
    for problem, metric in metrics.items():
        here = summary[(summary["problem"] == problem) & (summary["metric"] == metric.name)]
        bold = supported(here, [q for q in pairs if q.problem == problem], metric)
        lines = [_row(row, row.arm in bold) for row in here.itertuples()]
        if len(metrics) > 1:
            lines.insert(0, rf"\multicolumn{{6}}{{l}}{{\emph{{{escape(problem)}}}: {escape(metric.title)}}} \\")
        blocks.append("\n".join(lines))
    title = metrics[next(iter(metrics))].title if len(metrics) == 1 else "score"
    body = "\n\\midrule\n".join(blocks)
    return f"""\
% Needs \\usepackage{{booktabs}}. Median over seeds and its interval. Bold: the best arm and those that cannot be told
% from it, where others are worse (p <= .05 after correction for all comparisons).
\\begin{{tabular}}{{lrrrrl}}
\\toprule
arm & parameters & seeds & lost & trials & {escape(title)} \\\\
\\midrule
{body}
\\bottomrule
\\end{{tabular}}
"""


def supported(summary: pd.DataFrame, pairs: Sequence[Pair], metric: Metric) -> set[str]:
    """The arms that the statistics allow to be called best: none where not all have been compared with the leader."""
    if len(summary) < 2:
        return set()
    leader = summary.sort_values("median", ascending=metric.better == "lower", kind="stable")["arm"].iloc[0]
    against = {q.other if q.arm == leader else q.arm: q for q in pairs if leader in (q.arm, q.other)}
    worse = {arm for arm, q in against.items() if q.verdict == ESTABLISHED and q.arm == leader}
    others = set(summary["arm"]) - {leader}
    return set(summary["arm"]) - worse if worse and others <= set(against) else set()


def _row(row, bold: bool) -> str:
    number = interval(row.median, row.low, row.high)
    number = rf"$\mathbf{{{number}}}$" if bold else f"${number}$"
    parameters = "" if pd.isna(row.parameters) else f"{int(row.parameters)}"
    return rf"{escape(row.arm)} & {parameters} & {row.seeds} & {row.failed} & {row.trials} & {number} \\"


def interval(median: float, low: float, high: float) -> str:
    r"""1.2 [0.9, 1.6] \cdot 10^{-3}: one power of ten for all three."""
    if not np.isfinite(median):
        return r"\mathrm{lost}"
    power = int(np.floor(np.log10(abs(median)))) if median else 0
    if -2 <= power <= 2:
        power = 0
    digits = 2 if power else max(0, 2 - int(np.floor(np.log10(abs(median)))) if median else 2)
    middle, left, right = (
        f"{x / 10**power:.{digits}f}" if np.isfinite(x) else r"\infty" if x > 0 else r"-\infty"
        for x in (median, low, high)
    )
    return rf"{middle}\;[{left},\,{right}]" + (rf" \cdot 10^{{{power}}}" if power else "")


def escape(text: str) -> str:
    """Any text as LaTeX prints it."""
    special = {mark: f"\\{mark}" for mark in "&%$#_{}"}
    special |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(letter, letter if letter.isprintable() else " ") for letter in text)
