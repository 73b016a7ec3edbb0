"""Reading: a study from somebody's table of results, long or wide, by the roles of its columns."""

from pathlib import Path

import pandas as pd

from kanexp.audit.asked import Asked, roles_of
from kanexp.audit.study import Study
from kanexp.audit.wide import widened
from kanexp.audit.written import Written
from kanexp.data.notation import Style, is_text
from kanexp.data.reading import Reading
from kanexp.data.table_file import TableFile, read_file
from kanexp.error import ConfigError


def read_study(path: Path, asked: Asked) -> Study:
    """The study in a file. Raises ConfigError with a sentence about the file, or a column that it lacks."""
    file = _file(path)
    texts = file.table.apply(_as_texts)
    roles = roles_of(texts, asked, str(path))
    texts, roles, scores = widened(texts, roles, asked, str(path))
    style = Style.of(texts, file.separator, Reading())
    return Written(str(path), texts, roles, style, asked).study(scores)


def _as_texts(column: pd.Series) -> pd.Series:
    """A column as a text file has it."""
    return column if is_text(column) else column.map(str, na_action="ignore").astype(object)


def _file(path: Path) -> TableFile:
    try:
        return read_file(str(path), Reading())
    except ValueError as error:
        text = (
            str(error).removeprefix("path: ").replace(", or name its encoding, as in task.encoding=cp1251", " in UTF-8")
        )
        if text.startswith("header: "):
            text = f"the first line of '{path}' looks like data; begin the file with the names of its columns"
        raise ConfigError(f"audit: {text}") from error
