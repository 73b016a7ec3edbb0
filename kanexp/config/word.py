"""A word of a command as it is typed, looked at before Hydra's grammar reads it: for minutes, or not all of it."""

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
