"""What a file of conf/experiment must say to Hydra, told before Hydra tells it in words of its own."""

import re
from contextlib import suppress
from typing import Any

import yaml

from kanexp.config.catalog import GROUPS, Option

PACKAGE = "# @package _global_"


def experiment_mistakes(option: Option) -> list[str]:
    """What is wrong with the package and the defaults of an experiment's file, as sentences."""
    text = option.file.read_text("utf-8")
    where, mistakes = f"experiment={option.name}", []
    if not re.search(r"^#\s*@package\s+_global_\s*$", text, re.MULTILINE):
        mistakes.append(
            f"{where}: its file lacks the line '{PACKAGE}', without which its values are of no run; "
            f"add it at the top of {option.file}"
        )
    entries: Any = None
    with suppress(yaml.YAMLError):  # which whoever composes it says better
        content = yaml.load(text, yaml.SafeLoader)
        entries = content.get("defaults") if isinstance(content, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        for key, name in entry.items() if isinstance(entry, dict) else []:
            group = str(key).removeprefix("override").strip().removeprefix("/")
            right = f"override /{group}"
            if group in GROUPS and group != "experiment" and key != right:
                mistakes.append(
                    f"{where}: '{key}: {name}' in its defaults must be '{right}: {name}', for every run has "
                    f"a {group} already; mend {option.file}"
                )
    return mistakes
