"""What the page carries as data: tables, curves, settings and pictures, as JSON that its scripts draw from."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kanexp.figure.style import CYCLE
from kanexp.report import curve, importance, table
from kanexp.report.axis import Axis
from kanexp.report.gallery import MOST_CURVES, MOST_PROBLEMS

if TYPE_CHECKING:
    from kanexp.report.report import Findings

MOST_SEEDS = 20  # of an arm whose curves the page carries
MOST_POINTS = 400_000  # of all curves together: of more, each is thinned
FEWEST_STEPS = 40  # of a curve that are kept
MOST_AXES = 8  # settings of parallel coordinates


def data(found: "Findings", tables: Mapping[str, pd.DataFrame], pictures: Sequence[dict[str, Any]]) -> str:
    """All of it as JSON that stays within a script element; infinities are numbers too large for one."""
    content = {
        "problems": _problems(found),
        "metrics": {name: {"title": s.label, "better": s.better} for name, s in table.scores(found.runs).items()},
        "colours": CYCLE,
        "tables": {name: columns(frame) for name, frame in tables.items()},
        "curves": curves(found),
        "settings": settings(found.runs),
        "axes": axes(found),
        "importance": importances(found),
        "overProblems": [over_problems(one) for one in found.axes],
        "pictures": list(pictures),
    }
    return as_json(content)


def as_json(content: Any) -> str:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # JSON has no infinities, but 1e999 is one to every reader; strings that hold the word stay as they are.
    if "Infinity" in text:
        text = re.sub(r'"(?:[^"\\]|\\.)*"|Infinity', lambda m: "1e999" if m[0] == "Infinity" else m[0], text)
    # Within a script element this sign alone could end it early.
    return text.replace("<", "\\u003c")


def _problems(found: "Findings") -> list[dict[str, Any]]:
    """Each with the score that is compared, if one is yet, and its arms."""
    names = dict.fromkeys([*found.metrics, *found.arms.problems])
    scored = {name: metric.name for name, metric in found.metrics.items()}
    return [{"name": name, "metric": scored.get(name), "arms": _arms(found, name)} for name in names]


def _arms(found: "Findings", problem: str) -> list[str]:
    """The arms of a problem, the best first, and last those that have no score."""
    every = found.rows.loc[found.rows["problem"] == problem, "arm"]
    if problem not in found.metrics:
        return list(dict.fromkeys(every))
    lower, here = found.metrics[problem].better == "lower", found.headline()
    ranked = here[here["problem"] == problem].sort_values("median", ascending=lower, kind="stable")
    return list(dict.fromkeys([*ranked["arm"], *every]))


def columns(frame: pd.DataFrame) -> dict[str, Any]:
    """A table by its columns: a list, or of texts that come again and again {"values": texts, "of": numbers}."""
    return {str(name): _column(frame[name].tolist()) for name in frame.columns}


def _column(values: list[Any]) -> Any:
    plain = [None if value is None or value != value else value for value in values]
    if not any(isinstance(value, str) for value in plain):
        return plain
    place = {value: number for number, value in enumerate(dict.fromkeys(plain))}
    if 2 * len(place) > len(plain):
        return plain
    return {"values": list(place), "of": [place[value] for value in plain]}


def curves(found: "Findings") -> list[dict[str, Any]]:
    """The losses of the best arms' seeds by step, with what was spent by then; of all that run, and of all that ended.

    A dictionary per run and seed: arm, problem, run, seed, step and the rest of OVER, and a list for each loss.
    """
    rows = found.rows[found.rows["compared"] | (found.rows["status"].astype(str) == "running")]
    problems = list(dict.fromkeys(rows["problem"]))[:MOST_PROBLEMS]
    drawn = []
    for problem in problems:
        here = rows[rows["problem"] == problem]
        for arm in _arms(found, problem)[:MOST_CURVES]:
            drawn.append(here[here["arm"] == arm].head(MOST_SEEDS))
    count = 2 * sum(map(len, drawn))
    most = int(np.clip(MOST_POINTS / max(count, 1), FEWEST_STEPS, curve.MOST_STEPS))
    runs = {run.label: run for run in found.runs}
    lines = []
    for own in drawn:
        for label, seeds in own.groupby("run", sort=False):
            log = curve.log(runs[str(label)].folder, seeds["seed"], *curve.OVER, most=most)
            first = seeds.iloc[0]
            for seed, one in log.groupby("seed"):
                what = {"problem": first["problem"], "arm": first["arm"], "run": label, "seed": int(str(seed))}
                lines.append(what | _line(one))
    return lines


def _line(log: pd.DataFrame) -> dict[str, list[Any]]:
    """A seed's losses side by side, a place for each step, with four digits."""
    steps = sorted(set(log["step"].tolist()))
    place = {step: number for number, step in enumerate(steps)}
    names = [over for over in curve.OVER if over != "step" and log[over].notna().any()]
    found: dict[str, list[Any]] = {name: [None] * len(steps) for name in [*names, *dict.fromkeys(log["metric"])]}
    for name, values in [*((name, log[name]) for name in names), *((None, log["value"]),)]:
        for step, metric, value in zip(log["step"].tolist(), log["metric"].tolist(), values.tolist(), strict=True):
            found[name or metric][place[step]] = _digits(value)
    return {"step": steps} | found


def _digits(value: float) -> float | int | None:
    if value != value:
        return None
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def settings(runs: Sequence[table.Run]) -> dict[str, Any]:
    """Every group and option of every run as text: those in which all agree, and columns of the others."""
    known = [{**run.choices, **{k: v for k, v in run.options.items() if not k.endswith("_target_")}} for run in runs]
    keys = dict.fromkeys(key for one in known for key in one)
    same, differ = {}, {}
    for key in keys:
        values = [one.get(key) for one in known]
        if len(set(values)) == 1:
            same[key] = values[0]
        else:
            differ[key] = _column(values)
    return {"runs": [run.label for run in runs], "same": same, "differ": differ}


def axes(found: "Findings") -> list[dict[str, Any]]:
    """For each problem the settings that differ, a row per run with its median cost's score: parallel coordinates."""
    texts = {run.label: run for run in found.runs}
    drawn = []
    for problem, metric in found.metrics.items():
        rows = found.rows[(found.rows["problem"] == problem) & found.rows[metric.name].notna()]
        median = rows.groupby("run", sort=False)[metric.name].median()
        frame = importance.settings_of([texts[str(label)] for label in median.index], found.arms)
        if frame.shape[1] >= 2 and len(frame) > 2:
            held = {key: _column(frame[key].tolist()) for key in list(frame)[:MOST_AXES]}
            arms = rows.drop_duplicates("run").set_index("run")["arm"]
            drawn.append(
                {"problem": problem, "keys": held, "score": [_digits(v) for v in median.tolist()], "log": metric.log}
                | {"arms": _column(arms.tolist()), "runs": median.index.tolist()}
            )
    return drawn


def over_problems(one: Axis) -> dict[str, Any]:
    """An axis over the problems of a kind, as its table and a sentence."""
    return {"axis": one.key, "kind": one.kind, "sentence": one.sentence, "table": columns(one.table)}


def importances(found: "Findings") -> list[dict[str, Any]]:
    """What settings matter on each problem, where two or more differ."""
    return [
        {
            "problem": problem,
            "shares": [{"settings": list(keys), "share": round(share, 4)} for keys, share in one.shares],
            "explained": round(one.explained, 3),
            "rows": one.rows,
            "score": f"{'log10 of ' if found.metrics[problem].log else ''}{found.metrics[problem].title}",
        }
        for problem, one in found.importances.items()
    ]
