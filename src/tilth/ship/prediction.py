"""What a predictor answers, for people and for programs."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

PROBABILITY = "probability_{label}"
"""What the column with the probability of a label is called, in frames and files."""

_MOST_LABELS = 5
_MOST_ROWS = 20


@dataclass(frozen=True, slots=True, repr=False)
class Prediction:
    """The answer for one item.

    item: the path or row number it is about, None where it has no name
    label, probability, probabilities: the likeliest label, how likely, and every label's share
    value: the number predicted instead, in the target's units

    >>> Prediction(label="cat", probability=0.9, probabilities={"cat": 0.9, "dog": 0.1})
    Prediction(label='cat', probability=0.9)
    """

    item: str | int | None = None
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    value: float | None = None

    @property
    def answer(self) -> str | float | None:
        """The label, or the number."""
        return self.value if self.label is None else self.label

    def to_json(self) -> dict[str, Any]:
        """Return plain values: item, prediction, and probabilities where there are labels.

        >>> Prediction(item=3, value=1.5).to_json()
        {'item': 3, 'prediction': 1.5}
        """
        found: dict[str, Any] = {"item": self.item, "prediction": self.answer}
        if self.label is not None:
            found |= {"probability": self.probability, "probabilities": dict(self.probabilities)}
        return found

    def __repr__(self) -> str:
        parts = [] if self.item is None else [f"item={self.item!r}"]
        if self.label is None:
            parts.append(f"value={self.value:.6g}")
        else:
            parts += [f"label={self.label!r}", f"probability={self.probability:.4g}"]
        return f"Prediction({', '.join(parts)})"

    def _repr_html_(self) -> str:
        """Show the likeliest labels with bars in a notebook."""
        title = "" if self.item is None else f"<caption>{html.escape(str(self.item))}</caption>"
        if self.label is None:
            return f"<table>{title}<tr><td><b>{self.value:.6g}</b></td></tr></table>"
        likeliest = sorted(self.probabilities.items(), key=lambda pair: -pair[1])[:_MOST_LABELS]
        rows = "".join(_bar(label, share, label == self.label) for label, share in likeliest)
        rest = len(self.probabilities) - len(likeliest)
        more = f"<tr><td>and {rest} more</td></tr>" if rest else ""
        return f"<table>{title}{rows}{more}</table>"


class Predictions(list[Prediction]):
    """A list of predictions that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        rows = []
        for place, one in enumerate(self[:_MOST_ROWS]):
            item = place if one.item is None else one.item
            share = "" if one.probability is None else f"{100 * one.probability:.1f} %"
            answer = one.answer if one.label is not None else f"{one.value:.6g}"
            cells = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in (item, answer, share))
            rows.append(f"<tr>{cells}</tr>")
        head = "<tr><th>item</th><th>prediction</th><th>probability</th></tr>"
        rest = len(self) - len(rows)
        more = f"<tr><td>and {rest} more</td></tr>" if rest else ""
        return f"<table>{head}{''.join(rows)}{more}</table>"


def _bar(label: str, share: float, chosen: bool) -> str:
    name = html.escape(label)
    return (
        f"<tr><td>{f'<b>{name}</b>' if chosen else name}</td>"
        f"<td>{100 * share:.1f} %</td>"
        f"<td><div style='background:#4a7;height:0.8em;width:{100 * share:.0f}px'></div></td></tr>"
    )
