"""Parts of Markdown pages that commands write: what stands between <!-- name --> and <!-- /name -->."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def fill(page: str, name: str, text: str) -> None:
    """Put a text between the markers of that name on a page, which is named from the root of the repository."""
    file = ROOT / page
    between = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)"
    filled, found = re.subn(between, lambda m: f"{m[1]}{text.rstrip()}\n{m[2]}", file.read_text(), flags=re.DOTALL)
    if found != 1:
        sys.exit(f"{page}: holds {found} pairs of markers <!-- {name} --> ... <!-- /{name} -->, and one is needed")
    file.write_text(filled)
