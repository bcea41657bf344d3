"""Words that agree with numbers, and settings as both Python and the command line write them."""

from __future__ import annotations

import shlex


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with the words that agree with it; many: by default ``one`` with an s.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "class")
    ('1 row', '1,200 rows', '2 classes')
    >>> counted(1, "file is empty", "files are empty")
    '1 file is empty'
    """
    ending = "es" if one.endswith(("s", "x", "ch")) else "s"
    return f"{number:,} {one if number == 1 else many or one + ending}"


def sentence(text: str) -> str:
    """Return the text with the full stop that it lacks.

    >>> sentence("look at them"), sentence("did you mean 'a'?")
    ('look at them.', "did you mean 'a'?")
    """
    return text if text.endswith("?") else text.rstrip(".") + "."


def setting(name: str, value: object) -> str:
    """Return a setting of the data as it is given.

    >>> setting("max_bad", 0.04)
    'max_bad=0.04 (--set data.max_bad=0.04)'
    """
    option = shlex.quote(f"data.{name}={value}")
    return f"{name}={value!r} (--set {option})"


def column_kind(column: str, kind: str) -> str:
    """Return how a column is said to be of a kind.

    >>> column_kind("zip", "category")
    'columns={"zip": "category"} (--set data.columns.zip=category)'
    """
    option = shlex.quote(f"data.columns.{column}={kind}")
    return f'columns={{"{column}": "{kind}"}} (--set {option})'


def size(count: float) -> str:
    """Return bytes in a readable unit.

    >>> size(512), size(3_200_000)
    ('512 B', '3.1 MiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
