"""How every plot of a report looks, and how a figure becomes SVG that is safe inside a page."""

from __future__ import annotations

import base64
import html
import io
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NET, OTHER, VALID, GOOD, LINE = "#1f5f8b", "#8a929b", "#c8662b", "#3b7d4f", "#c9ced4"
"""Colours: the net and train; baselines; valid; after calibration; guides. All tell apart in grey
and for the colour-blind by their lightness."""
INK = "#23292f"
DOTS_PER_INCH = 110
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#eceef0",
    "text.color": INK,
    # a label like "$5" is text, not mathematics
    "text.parse_math": False,
    "xtick.color": "#56606b",
    "ytick.color": "#56606b",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    # text stays text: readers search it, and their fonts know letters that ours does not
    "svg.fonttype": "none",
    "svg.hashsalt": "tilth",
    "path.simplify": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style; matplotlib's settings are put back."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # widths of letters that our font does not know are estimates, which is good enough
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new(width: float, height: float, **options: Any) -> tuple[Figure, Any]:
    """Return a figure of ``width`` x ``height`` inches without any window, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    return figure, figure.subplots(**options)


def svg(figure: Figure, name: str, description: str, *, tight: bool = False) -> str:
    """Return the figure as an ``<svg>`` element whose ids are its own on the page.

    name: unique on the page, letters only; description: read out to those who cannot see it
    tight: cut to what is drawn; for axes of a fixed shape, whose labels the layout can lose
    """
    written = io.StringIO()
    metadata = {"Date": None, "Creator": None}
    box = "tight" if tight else None
    figure.savefig(written, format="svg", bbox_inches=box, pad_inches=0.04, metadata=metadata)
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    spoken = html.escape(description, quote=True)
    return text.replace("<svg", f'<svg role="img" aria-label="{spoken}"', 1)


def png(figure: Figure) -> str:
    """Return a figure of many points as a base64 PNG, on white: dark pages swallow letters."""
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=DOTS_PER_INCH, facecolor="white")
    return base64.b64encode(written.getvalue()).decode("ascii")


def drawable(text: str, most: int = 24) -> str:
    """Return a label short enough for a plot, without characters that cannot be drawn.

    >>> drawable("a\\x00b\\nc"), drawable("x" * 40)
    ('a b c', 'xxxxxxxxxxx...xxxxxxxxxx')
    """
    from tilth.audit.words import short

    visible = "".join(" " if unicodedata.category(mark)[0] == "C" else mark for mark in text)
    return short(visible, most)
