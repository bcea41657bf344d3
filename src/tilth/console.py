"""What people see: calm lines on a terminal, small tables in a notebook."""

from __future__ import annotations

import html
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def say(text: str = "") -> None:
    """Print a line for people on stderr, so that stdout stays machine-readable."""
    print(text, file=sys.stderr, flush=True)


def columns(rows: Sequence[tuple[str, str]], *, indent: int = 2) -> str:
    """Return two aligned columns.

    >>> print(columns([("task", "classify"), ("rows", "10")]))
      task  classify
      rows  10
    """
    width = max((cells(name) for name, _ in rows), default=0)
    return "\n".join(f"{' ' * indent}{filled(name, width)}  {value}" for name, value in rows)


def table(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as aligned columns, the first line being the head.

    >>> print(table([("run", "score"), ("runs/first", "0.9"), ("b", "0.25")]))
    run         score
    runs/first  0.9
    b           0.25
    """
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(filled(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def cells(text: str) -> int:
    """Return how many columns of a terminal the text takes: full-width characters take two.

    >>> cells("run"), cells("\\u6a21\\u578b")
    (3, 4)
    """
    from rich.cells import cell_len

    return cell_len(text)


def filled(text: str, width: int) -> str:
    """Return the text with spaces after it, up to ``width`` columns of a terminal."""
    return text + " " * (width - cells(text))


def html_table(values: Mapping[str, Any], title: str) -> str:
    """Return a small HTML table with everything escaped, for notebooks; a list has lines."""
    left = "style='text-align:left;vertical-align:top'"
    cells = "".join(
        f"<tr><th {left[:-1]};white-space:nowrap'>{html.escape(str(name))}</th>"
        f"<td {left}>{_lines(value)}</td></tr>"
        for name, value in values.items()
    )
    title = f"<caption {left[:-1]};font-weight:bold'>{html.escape(title)}</caption>"
    return f"<table>{title}{cells}</table>"


def _lines(value: Any) -> str:
    listed = value if isinstance(value, list | tuple) else [value]
    return "<br>".join(html.escape(str(one)) for one in listed)


def seconds(value: float) -> str:
    """Return a duration in words.

    >>> seconds(3.21), seconds(75), seconds(0.01)
    ('3.2 s', '1 min 15 s', 'under 0.1 s')
    """
    if value < 0.1:
        return "under 0.1 s"
    if value < 60:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"
