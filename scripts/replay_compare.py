"""Two recordings of scripts/replay side by side: what is free to differ, and the first difference of each file."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image

NUMBER = r"[0-9][0-9.,]*"
# What may differ between two runs of one tree: in which files (by their path in a case), what, and what stands for it.
FREE = [
    # Times, memory, machine and versions of a run.
    (
        r"(run|diagnosis)\.json$",
        r'"(seconds|train_seconds|milliseconds_per_step|peak_memory_bytes)": [^,\n]+',
        r'"\1": <measured>',
    ),
    (r"(run|diagnosis)\.json$", r'"(started|ended|host|system|git_commit)": [^,\n]+', r'"\1": <when and where>'),
    (r"(run|diagnosis)\.json$", r'"(kanexp|torch|numpy|hydra-core|python)": "[0-9][^"]*"', r'"\1": <version>'),
    (r"run\.json$", r'"timings\.csv": \{[^}]*\}', '"timings.csv": <digest of seconds>'),
    (r"run\.json$", r'"seal": "\w*"', '"seal": <digest of the run and its times>'),
    # What a run is that names a file has the file's folder in it, which is another for each recording.
    (
        r"run\.json$",
        r'(?s)(\.(?:path|data_dir)=\w.*?"config_hash": ")\w*(",.*?"config_sha256": ")\w*',
        r"\1<digest with a folder>\2<digest with a folder>",
    ),
    (
        r"run\.json$",
        r'(?s)(\.(?:path|data_dir)=\w.*?"model\.pt": \{[^}]*?"sha256": ")\w*',
        r"\1<digest with a folder>",
    ),
    (r"timings\.csv$", r"(?m)^([0-9]+),[^,\n]+,", r"\1,<seconds>,"),
    (r"\.html$", r"(Made by kanexp \S+ on )[^.]+ UTC", r"\1<date>"),
    # Lines of a traceback: which file and function an error passed is no result, what it says is.
    (r"run\.json$", r'"traceback": ".*\\n(.+?)\\n"', r'"traceback": "... \1"'),
    # Said in the terminal while time passes. Lines of progress before the last step come by the clock.
    (r"said/", r"(?m)^(?:training|diagnosing)  step ([0-9]+)/(?!\1 ).*\n", ""),
    (r"said/", r"(?m)^[0-9]+ of [0-9]+ jobs ended, .*\n", ""),
    (r"said/|\.log$", rf"\b{NUMBER} evals/s", "<rate> evals/s"),
    (r"said/|\.log$", rf"\bin {NUMBER} (?:s|minutes|hours)\b", "in <time>"),
    (r"said/", rf"(?m), about {NUMBER} (?:s|minutes|hours)$", ""),  # not said where measuring takes too long
    (r"said/", rf"(?m)^(\S+): {NUMBER} (?:s|minutes|hours)$", r"\1: <time>"),
    # The process that measures how long a sweep will take is killed once it has answered, whatever it was saying.
    (
        r"said/",
        r"(?m)^Process \w+-[0-9]+:\n(?:Traceback .*\n)?(?:  .*\n)*(?:\w+(?:Error|Interrupt)\b.*\n)?",
        "",
    ),
    # Optuna's journal.
    (r"study\.log$", r'"(datetime_\w+|worker_id)": ?"[^"]*"', r'"\1": <when and where>'),
]
# Notes for the command that waits, of interest while it does.
PASSING = re.compile(r"\.packs/.*\.json$|\.lock$")
WIDTH = 160  # of a line that is shown


@dataclass(frozen=True)
class Recording:
    """One case as it was recorded: its folder, and where it lay and the tree was when it was."""

    path: Path
    at: str
    tree: str

    @classmethod
    def read(cls, path: Path) -> "Recording":
        told = json.loads((path / "case.json").read_text("utf-8"))
        return cls(path, told["at"], told["tree"])

    def files(self) -> set[str]:
        """All that is to be compared, by its path in the case."""
        found = [p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_symlink() or p.is_file()]
        return {name for name in found if name != "case.json" and not PASSING.search(name)}

    def text(self, name: str) -> str:
        """A file without what is free to differ."""
        text = (self.path / name).read_bytes().decode("utf-8", "backslashreplace")
        return normalized(name, text.replace(self.at, "<here>").replace(self.tree, "<tree>"))


def normalized(name: str, text: str) -> str:
    """A file's text with a word in place of everything that is free to differ."""
    for files, pattern, word in FREE:
        if re.search(files, name):
            text = re.sub(pattern, word, text)
    return text


def differences(before: Recording, after: Recording) -> Iterator[str]:
    """A paragraph for each file that differs or is missing on one side."""
    ours, theirs = before.files(), after.files()
    for name in sorted(ours | theirs):
        if name not in theirs or name not in ours:
            yield f"{name}: only {'before' if name in ours else 'after'}"
        elif found := _difference(before, after, name):
            yield f"{name}{found}"


def _difference(before: Recording, after: Recording, name: str) -> str:
    """How a file differs, empty where it does not."""
    files = [side.path / name for side in (before, after)]
    if any(file.is_symlink() for file in files):
        links = [os.readlink(file) if file.is_symlink() else "a file" for file in files]
        return "" if links[0] == links[1] else _sides(*links)
    if files[0].read_bytes() == files[1].read_bytes():
        return ""
    if name.endswith(".png"):
        return pixels_apart(*files)
    if name.endswith(".pt"):
        return tensors_apart(*files, before.at, after.at)
    return lines_apart(before.text(name), after.text(name))


def lines_apart(before: str, after: str) -> str:
    """The first of two texts' lines that differ, and how many do; empty where none does."""
    pairs = list(zip_longest(before.splitlines(), after.splitlines(), fillvalue="<end of file>"))
    differing = [i for i, (one, other) in enumerate(pairs) if one != other]
    if not differing:
        return ""
    first = differing[0]
    one, other = pairs[first]
    return f", line {first + 1} (of {len(differing)} that differ)" + _sides(*_around(one, other))


def _around(one: str, other: str) -> tuple[str, str]:
    """Long lines cut to where they differ."""
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, at - WIDTH // 2) if max(len(one), len(other)) > WIDTH else 0
    cut = [("..." if start else "") + line[start : start + WIDTH] for line in (one, other)]
    return cut[0], cut[1]


def _sides(before: str, after: str) -> str:
    return f"\n    before: {before}\n    after:  {after}"


def pixels_apart(before: Path, after: Path) -> str:
    """How many pixels of two pictures differ; empty where none does."""
    one, other = (np.asarray(Image.open(file).convert("RGBA")) for file in (before, after))
    if one.shape != other.shape:
        return _sides(*(f"{shape[1]} x {shape[0]} pixels" for shape in (one.shape, other.shape)))
    apart = (one != other).any(axis=2)
    return f": {apart.sum()} of {apart.size} pixels differ" if apart.any() else ""


def tensors_apart(before: Path, after: Path, here: str = "", there: str = "") -> str:
    """The first entry of two files of tensors that differs, but for where they lay; empty where none does."""
    import torch

    one, other = (_leaves(torch.load(file, weights_only=True)) for file in (before, after))
    for key in sorted(one.keys() | other.keys()):
        a, b = one.get(key, "missing"), other.get(key, "missing")
        if isinstance(a, str) and isinstance(b, str):
            a, b = (text.replace(at, "<here>") if at else text for text, at in ((a, here), (b, there)))
        if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
            if (a.dtype, a.shape) != (b.dtype, b.shape):
                return f", {key}" + _sides(f"{a.dtype} {tuple(a.shape)}", f"{b.dtype} {tuple(b.shape)}")
            apart = (a != b) & ~(a.isnan() & b.isnan())
            if apart.any():
                numbers = (f"{side[apart][0].item()!r}" for side in (a, b))
                return f", {key}: {int(apart.sum())} of {apart.numel()} numbers differ" + _sides(*numbers)
        elif type(a) is not type(b) or a != b:
            return f", {key}" + _sides(str(a), str(b))
    return ""


def _leaves(value: object, key: str = "") -> dict[str, object]:
    """Nested dictionaries and lists as one with keys such as state.layers.0.coef."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for name, item in pairs for k, v in _leaves(item, f"{key}.{name}".lstrip(".")).items()}
    return {key: value}
