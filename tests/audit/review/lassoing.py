"""A person who labels by lasso, simulated: hidden labels stand for looking at the pictures.

For each digit in turn they leaf through the maps (layers, and pairs of their first six axes),
draw a circle of 24 corners round a part of a map where most of what has no label is this digit,
and click out of the selection what is not. Then the maps are learned from these labels; what of
a digit still lies apart on them is lassoed too; and all that is left gets what is proposed, with
one last lasso.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.path import Path as Line
from sklearn.datasets import load_digits

import tilth as tl
from tilth.audit.review.projection import LEARNED, Maps, activations

AXES, CENTRES = 6, 60


@dataclass
class Labelled:
    """rows: of scikit-learn's digits; right: share that got its digit; pruned: clicks."""

    rows: np.ndarray
    right: float
    lassos: int
    pruned: int


def label_by_lasso(seed: int, folder: Path, count: int = 500) -> Labelled:
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    asked, learned = order[:count], order[count:]
    pixels = (digits.images * 15).astype(np.uint8)
    data = tl.arrays(pixels[learned], digits.target[learned] % 2)
    settings = {"epochs": 8, "seed": seed, "dtype": "float32", "channels_last": False}
    learn = tl.Learner(data, quiet=True, run=folder / "odd", **settings)
    learn.fit()
    maps = Maps(activations(learn.model, [data.preprocessor(list(pixels[asked]))]))
    person = Person(maps, digits.target[asked])
    person.lap(list(maps.names), 0.8)
    maps.learn(person.labels)
    person.lap([LEARNED], 0.9)
    proposed, _ = maps.learn(person.labels)
    person.lassos += 1
    final = [person.labels.get(place, proposed[place]) for place in range(count)]
    right = float(np.mean(np.array(final) == person.truth.astype(str)))
    return Labelled(asked, right, person.lassos, person.pruned)


class Person:
    """Who has labelled so far what."""

    def __init__(self, maps: Maps, truth: np.ndarray) -> None:
        self.maps, self.truth = maps, truth
        self.labels: dict[int, str] = {}
        self.lassos = self.pruned = 0

    def lap(self, names: list[str], purity: float) -> None:
        """Lasso each digit once, where it lies apart best; not where it is nowhere."""
        for digit in np.unique(self.truth):
            free = np.array([p for p in range(len(self.truth)) if p not in self.labels], dtype=int)
            best = (1, None, None)  # one picture is not worth a lasso
            for name in names:
                for x in range(min(AXES, self.maps.names[name])):
                    for y in range(x):
                        points = self.maps.points(name, x, y)[free]
                        held, line = circle(points, self.truth[free] == digit, purity)
                        if held > best[0]:
                            best = (held, points, line)
            if best[2] is None:
                continue
            chosen = free[Line(best[2]).contains_points(best[1])]
            kept = chosen[self.truth[chosen] == digit]
            self.lassos += 1
            self.pruned += len(chosen) - len(kept)
            self.labels |= dict.fromkeys(kept.tolist(), str(digit))


def circle(points: np.ndarray, wanted: np.ndarray, purity: float):
    """Return how much a circle round a wanted point holds at this purity, and its corners."""
    best, line = 0, None
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    corners = np.stack([np.cos(angles), np.sin(angles)], 1)
    for centre in points[wanted][:CENTRES]:
        apart = np.linalg.norm(points - centre, axis=1)
        order = np.argsort(apart)
        held = np.cumsum(wanted[order])
        pure = np.flatnonzero(held / np.arange(1, len(order) + 1) >= purity)
        if len(pure) and held[pure[-1]] > best:
            best = int(held[pure[-1]])
            line = centre + 1.001 * apart[order[pure[-1]]] * corners
    return best, line
