"""What a paper says of how its numbers came about: a paragraph of methods, and BibTeX of what was used."""

import ast
import re
import unicodedata
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kanexp.report.table import GROUPS, Run
from kanexp.report.warning import listed

if TYPE_CHECKING:
    from kanexp.report.report import Findings

# "Liu et al. 2024, https://...", as docstrings name their sources, one after the other.
SOURCE = re.compile(r"(?:^|; |Source: )([^;]+?), (https?://[^\s;]+)")
RANKS = ("Demšar 2006", "https://jmlr.org/papers/v7/demsar06a.html")


def methods(found: "Findings") -> str:
    """Markdown: a paragraph about all runs that were compared, and below it BibTeX of their parts."""
    return f"# Methods\n\n{paragraph(found)}\n\n# BibTeX\n\n```bibtex\n{bibtex(found)}```\n"


def paragraph(found: "Findings") -> str:
    """What was run, how states were selected, and how arms were compared, in sentences to paste."""
    runs, rows = found.runs, found.rows[found.rows["compared"]]
    arms = list(dict.fromkeys(rows["arm"]))
    seeds = _range(rows.groupby(["problem", "arm"]).size().tolist())
    metrics = listed(list(dict.fromkeys(metric.title for metric in found.metrics.values())))
    said = [
        f"We compare {len(arms)} arm{'s' if len(arms) != 1 else ''} ({listed(arms)}) on {listed(list(found.metrics))}, "
        f"with {seeds} seeds each.",
        *(_used(group, runs) for group in ("layer", "init", "model", "optimizer", "reg")),
        f"Networks have {_range([int(p) for p in rows['parameters'].dropna()])} parameters and were trained for "
        f"{_range([int(s) for s in rows['steps'].dropna()])} steps.",
        f"Of each seed the state of lowest validation loss was selected, and scored once on test data ({metrics}).",
        "We report medians over seeds with exact order-statistic intervals (95 % where there are at least six seeds, "
        "else the whole range); seeds that diverged count as the worst possible.",
    ]
    if found.pairs:
        said.append(
            f"Arms were compared by exact rank tests, corrected for all {len(found.pairs)} comparisons; effects are "
            "medians over pairs of seeds with 95 % intervals."
        )
    said.append(f"All runs used {_versions(runs)}.")
    return " ".join(text for text in said if text)


def bibtex(found: "Findings") -> str:
    """An entry for each source that the parts of the runs name, kanexp's own and those of the user's folders alike."""
    entries: dict[str, str] = {}
    several = [("rank diagrams over problems", [RANKS])] if len(found.metrics) > 1 else []
    for part, own in (*_parts(found.runs), *several):
        for name, address in own:
            entries.setdefault(address, _entry(name, address, part, len(entries) + 1))
    return "\n".join(entries.values())


def sources(target: str) -> list[tuple[str, str]]:
    """Names and addresses in the docstring of a component, such as kanexp.layer.bspline.BSpline.

    Its file is read and not imported, for that would take torch.
    """
    module, _, name = target.rpartition(".")
    try:
        spec = find_spec(module) if module else None
        tree = ast.parse(Path(spec.origin).read_text("utf-8")) if spec and spec.origin else ast.Module([], [])
    except (ImportError, OSError, SyntaxError, ValueError):
        return []
    texts = [
        ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name
    ]
    text = " ".join(" ".join(texts).partition("Source: ")[2].split())
    return [(found[1].strip(), found[2].rstrip(".,)")) for found in SOURCE.finditer(text)]


def _parts(runs: Sequence[Run]) -> Iterable[tuple[str, list[tuple[str, str]]]]:
    """Every part that some run used, as layer=bspline, with its sources."""
    seen: set[str] = set()
    for run in runs:
        for group in GROUPS:
            word, target = f"{group}={run.option(group)}", str(run.config.get(f"{group}._target_", ""))
            if word not in seen:
                seen.add(word)
                yield word, sources(target)


def _entry(name: str, address: str, part: str, number: int) -> str:
    """@misc with authors and year where the name has them, else a title."""
    found = re.fullmatch(r"(.*\D) (\d{4})(?: \(.*\))?", name)
    if found is None:
        key, lines = re.sub(r"\W+", "", _ascii(name).lower())[:20], [f"title = {{{_plain(name)}}}"]
    else:
        people = re.split(r", | and ", found[1].replace(" et al.", ", others"))
        key = re.sub(r"\W+", "", _ascii(people[0]).lower().split()[-1]) + found[2]
        lines = [f"author = {{{_plain(' and '.join(filter(None, people)))}}}", f"year = {{{found[2]}}}"]
    lines += [f"note = {{for {_plain(part)}}}", f"url = {{{address}}}"]
    return f"@misc{{{key}-{number},\n  " + ",\n  ".join(lines) + "\n}\n"


def _ascii(text: str) -> str:
    """Letters without their accents, as keys of BibTeX have them; a name in another script has none left."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or "source"


def _plain(text: str) -> str:
    return text.replace("\\", "").replace("{", "").replace("}", "").replace("_", r"\_").replace("&", r"\&")


def _used(group: str, runs: Sequence[Run]) -> str:
    names = list(dict.fromkeys(run.option(group) for run in runs))
    if names == ["none"]:
        return ""
    word = {"init": "initialization", "reg": "regularization"}.get(group, group)
    return f"{word.capitalize()}{'s' if len(names) > 1 else ''}: {listed(names)}."


def _range(values: Sequence[int]) -> str:
    if not values:
        return "no known number of"
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _versions(runs: Sequence[Run]) -> str:
    """kanexp 0.1.0, torch 2.9 and Python 3.11 on what they ran on."""
    parts = []
    for name in ("kanexp", "torch", "python"):
        known = sorted({str(version) for run in runs if (version := (run.record.versions or {}).get(name))})
        parts += [f"{name} {' and '.join(known)}"] if known else []
    hardware = [run.record.hardware or {} for run in runs]
    devices = sorted({str(device) for h in hardware if (device := h.get("gpu") or h.get("processor"))})
    return (listed(parts) or "kanexp") + (f", on {listed(devices)}" if devices else "")
