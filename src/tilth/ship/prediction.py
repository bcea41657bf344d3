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
    labels: where any number of them may be there, those that are; with their probabilities
    points: name -> (x, y) in px of the picture, (0, 0) the middle of its upper left pixel
    value: the number predicted instead, in the target's units

    >>> Prediction(label="cat", probability=0.9, probabilities={"cat": 0.9, "dog": 0.1})
    Prediction(label='cat', probability=0.9)
    """

    item: str | int | None = None
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    value: float | None = None
    labels: tuple[str, ...] | None = None
    points: dict[str, tuple[float, float]] | None = None

    @property
    def answer(self) -> Any:
        """The label, the labels, the points or the number."""
        if self.labels is not None:
            return list(self.labels)
        if self.points is not None:
            return {name: list(place) for name, place in self.points.items()}
        return self.value if self.label is None else self.label

    def to_json(self) -> dict[str, Any]:
        """Return plain values: item, prediction, and probabilities where there are labels.

        >>> Prediction(item=3, value=1.5).to_json()
        {'item': 3, 'prediction': 1.5}
        """
        found: dict[str, Any] = {"item": self.item, "prediction": self.answer}
        if self.label is not None:
            found |= {"probability": self.probability, "probabilities": dict(self.probabilities)}
        elif self.labels is not None:
            found["probabilities"] = dict(self.probabilities)
        return found

    def __repr__(self) -> str:
        parts = [] if self.item is None else [f"item={self.item!r}"]
        if self.labels is not None:
            parts.append(f"labels={self.labels!r}")
        elif self.points is not None:
            parts.append(f"points={len(self.points)}")
        elif self.label is None:
            parts.append(f"value={self.value:.6g}")
        else:
            parts += [f"label={self.label!r}", f"probability={self.probability:.4g}"]
        return f"Prediction({', '.join(parts)})"

    def _repr_html_(self) -> str:
        """Show the likeliest labels with bars in a notebook."""
        title = "" if self.item is None else f"<caption>{html.escape(str(self.item))}</caption>"
        if self.points is not None:
            places = "".join(
                f"<tr><td>{html.escape(name)}</td><td>{x:.1f}, {y:.1f}</td></tr>"
                for name, (x, y) in self.points.items()
            )
            return f"<table>{title}{places}</table>"
        if self.label is None and self.labels is None:
            return f"<table>{title}<tr><td><b>{self.value:.6g}</b></td></tr></table>"
        chosen = (self.label,) if self.labels is None else self.labels
        likeliest = sorted(self.probabilities.items(), key=lambda pair: -pair[1])[:_MOST_LABELS]
        rows = "".join(_bar(label, share, label in chosen) for label, share in likeliest)
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
            answer = f"{one.value:.6g}" if one.value is not None else in_words(one)
            cells = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in (item, answer, share))
            rows.append(f"<tr>{cells}</tr>")
        head = "<tr><th>item</th><th>prediction</th><th>probability</th></tr>"
        rest = len(self) - len(rows)
        more = f"<tr><td>and {rest} more</td></tr>" if rest else ""
        return f"<table>{head}{''.join(rows)}{more}</table>"


def in_words(one: Prediction) -> str:
    """Return an answer as a short text.

    >>> in_words(Prediction(labels=("red", "round")))
    'red, round'
    """
    if one.labels is not None:
        return ", ".join(one.labels) or "none"
    if one.points is not None:
        return "; ".join(f"{name} {x:.1f}, {y:.1f}" for name, (x, y) in one.points.items())
    return str(one.answer)


def _bar(label: str, share: float, chosen: bool) -> str:
    name = html.escape(label)
    return (
        f"<tr><td>{f'<b>{name}</b>' if chosen else name}</td>"
        f"<td>{100 * share:.1f} %</td>"
        f"<td><div style='background:#4a7;height:0.8em;width:{100 * share:.0f}px'></div></td></tr>"
    )
