"""The loss around the weights that were found, along two random directions.

Li et al. 2018, https://arxiv.org/abs/1712.09913: directions are scaled filter by filter to the
weights (section 4), so that nets of other sizes can be compared; what has one number for each
channel (biases, batch norm) stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tilth.audit import figures

HIGHEST = 20.0  # times the loss in the middle: what lies higher is drawn as that high
Loss = Callable[[], float]


def filter_direction(model: nn.Module, generator: torch.Generator) -> list[Tensor]:
    """Return a random direction, like the parameters, each filter as long as that of the weights.

    >>> net = nn.Linear(3, 2)
    >>> weight, bias = filter_direction(net, torch.Generator().manual_seed(0))
    >>> torch.allclose(weight.norm(dim=1), net.weight.norm(dim=1)), bool(bias.any())
    (True, False)
    """
    found = []
    for parameter in model.parameters():
        if parameter.dim() < 2:
            found.append(torch.zeros_like(parameter))
            continue
        drawn = torch.randn(parameter.shape, generator=generator).to(parameter)
        lengths = drawn.flatten(1).norm(dim=1).clamp(min=1e-12)
        scale = parameter.detach().flatten(1).norm(dim=1) / lengths
        found.append(drawn * scale.reshape(-1, *[1] * (parameter.dim() - 1)))
    return found


def landscape(
    model: nn.Module,
    loss: Loss,
    across: Sequence[Tensor],
    down: Sequence[Tensor],
    *,
    radius: float = 1.0,
    points: int = 15,
) -> NDArray[np.float64]:
    """Return the loss [points, points] at weights + x * across + y * down; weights are put back.

    loss: of the model as it stands, such as over some hundred rows; across, down: directions
    radius: x (columns) and y (rows) go from -radius to radius; an odd number of points has the
    weights themselves in the middle
    """
    start = [parameter.detach().clone() for parameter in model.parameters()]
    places = np.linspace(-radius, radius, points)
    found = np.zeros((points, points))
    try:
        for row, y in enumerate(places):
            for column, x in enumerate(places):
                _place(model, start, [(float(x), across), (float(y), down)])
                found[row, column] = loss()
    finally:
        _place(model, start, [])
    return found


def _place(
    model: nn.Module, start: list[Tensor], moves: list[tuple[float, Sequence[Tensor]]]
) -> None:
    with torch.no_grad():
        for place, parameter in enumerate(model.parameters()):
            moved = start[place].clone()
            for length, direction in moves:
                moved += length * direction[place]
            parameter.copy_(moved)


def drawn(grid: NDArray[np.float64], radius: float) -> str:
    """Return the landscape as an SVG of lines of equal loss, the weights found in the middle."""
    middle = float(grid.min())
    with figures.style():
        figure, axes = figures.new(4.8, 4.0)
        places = np.linspace(-radius, radius, len(grid))
        shown = np.minimum(grid, HIGHEST * max(middle, 1e-12))
        filled = axes.contourf(places, places, shown, levels=16, cmap="viridis")
        axes.plot(0, 0, "x", color="white", markersize=8)
        figure.colorbar(filled, label="loss")
        axes.set(xlabel="along the first direction", ylabel="along the second", aspect="equal")
        axes.set_title("The loss around the weights")
        return figures.svg(figure, "landscape", "Loss around the weights along two directions")
