"""A word of a command as it is typed, looked at before Hydra's grammar reads it: for minutes, or not all of it."""

import re
import shlex
from collections.abc import Iterator

from kanexp.error import LONGEST, quoted

LONGEST_WORD = 20_000  # characters, which take the grammar two seconds
DEEPEST = 20  # brackets inside each other


def shown(text: str) -> str:
    """A word as a sentence begins with it."""
    return text if len(text) <= 2 * LONGEST and text.isprintable() else quoted(text)


def requoted(text: str) -> str:
    """A word with the quotes that the shell took away: Hydra's grammar knows no operator and no foreign letter."""
    key, _, value = text.partition("=")
    formula = key == "task.expression" and not value.startswith(("'", '"'))
    foreign = not value.isascii() and not set(value) & set("'\"[]{}(),$\\")
    return f"{key}='{value}'" if formula or foreign else text


def form_mistake(text: str) -> str:
    """What is wrong with a word's length and brackets; empty where nothing is.

    Of a key that stands twice in one pair of braces the grammar takes the last value and drops the others.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):  # bytes of another encoding
        return "is no text in UTF-8, which is what files are written in"
    if text.rstrip("'\"").endswith("\r"):
        return "ends with \\r, which a line of a Windows file leaves behind; take it away"
    if len(text) > LONGEST_WORD:
        return f"must have at most {LONGEST_WORD} characters; write it to a file of experiment/"
    inside: list[tuple[str, set[str]]] = []  # open brackets and the keys seen in each, outermost first
    start, quote = 0, ""
    for i, character in enumerate(text):
        if quote or character in "'\"":
            quote = "" if character == quote and text[i - 1] != "\\" else quote or character
        elif character in "{[(":
            inside.append((character, set()))
            start = i + 1
        elif character in "}])" and inside:
            inside.pop()
        elif character == ",":
            start = i + 1
        elif character == ":" and inside and inside[-1][0] == "{":
            key, keys = text[start:i].strip(" \t'\""), inside[-1][1]
            if key in keys:
                return f"{quoted(key)} is given twice; give it once"
            keys.add(key)
        if len(inside) > DEEPEST:
            return f"must have at most {DEEPEST} brackets inside each other"
    return ""


BARE = re.compile(r"[\w/\-\\+.$%*@?|:]+", re.ASCII)  # what values may hold without quotes


def with_quotes(text: str, several: bool) -> Iterator[str]:
    """A word that cannot be read, in quotes as they may have been meant: of each of its values, then of all of it."""
    key, _, value = text.partition("=")
    if value[:1] in ("", "{", "[") or not re.fullmatch(r"[+\w./]+", key) or len(text) > 2 * LONGEST:
        return
    values = _apart(value)
    if len(values) > 1 and (several or any(part[:1] in ("'", '"') for part in values)):
        yield f"{key}={','.join(map(_in_quotes, values))}"
    yield f"{key}={_in_quotes(value)}"


def unreadable(text: str, right: str) -> str:
    """The sentence about a word that cannot be read, and what is right instead; empty where that is not known."""
    if text.partition("=")[2][:1] in ("{", "["):
        inside = "what is no plain word or number inside needs quotes"
        return f'{shown(text)}: cannot be read; {inside}, as in \'zip={{task.expression: ["sin(x1)", "x1*x2"]}}\''
    if not right:
        return f"{shown(text)}: not of the form key=value; quote values with spaces or commas: 'key=\"a, b\"'"
    odd = next((c for c in BARE.sub("", text.partition("=")[2]) if c not in "'\", "), "")
    what = f"{quoted(odd)} in a value" if odd else "such a value"
    return f"{shown(text)}: {what} needs quotes, and these need the shell's around them: {shlex.quote(right)}"


def _in_quotes(value: str) -> str:
    value = value.strip()
    if value[:1] in ("'", '"') and value[:1] == value[-1:]:
        return value
    quote = "'" if '"' in value and "'" not in value else '"'
    return quote + value.replace(quote, "\\" + quote) + quote


def _apart(value: str) -> list[str]:
    """What commas set apart, but for those in quotes and brackets."""
    parts, quote, depth = [""], "", 0
    for character in value:
        if quote or character in "'\"":
            quote = "" if character == quote else quote or character
        else:
            depth += (character in "([{") - (character in ")]}")
        if character == "," and not quote and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts
