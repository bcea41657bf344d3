"""Points in a plane as a picture: those that were made on those that are real."""

from __future__ import annotations

from torch import Tensor

from tilth.audit import figures
from tilth.audit.figures import NET, OTHER

SIDE_INCHES = 2.6
BEYOND = 0.25  # of the real points' width: how far beyond them is shown


def scatter(real: Tensor, made: Tensor) -> str:
    """Return a base64 PNG of the first two columns of points [N, columns]; grey are the real ones.

    One column is drawn against its place among the rows.

    >>> import torch
    >>> scatter(torch.rand(5, 2), torch.rand(5, 2))[:5]
    'iVBOR'
    """
    with figures.style():
        figure, axes = figures.new(SIDE_INCHES, SIDE_INCHES)
        axes.scatter(*_columns(real), s=30, color=OTHER, alpha=0.25, linewidths=0)
        axes.scatter(*_columns(made), s=4, color=NET, linewidths=0)
        across, along = _columns(real)
        axes.set(xlim=_ends(across), ylim=_ends(along), xticks=[], yticks=[])
        return figures.png(figure)


def _columns(points: Tensor) -> tuple[list[float], list[float]]:
    if points.shape[1] == 1:
        return [place / len(points) for place in range(len(points))], points[:, 0].tolist()
    return points[:, 0].tolist(), points[:, 1].tolist()


def _ends(values: list[float]) -> tuple[float, float]:
    beyond = BEYOND * ((max(values) - min(values)) or 1.0)
    return min(values) - beyond, max(values) + beyond
