"""What nets say where a road parts: a picture of what is seen, and a density over the steering."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tilth.audit import figures
from tilth.audit.figures import INK, NET, OTHER
from tilth.audit.judged import Section
from tilth.audit.latent import shown
from tilth.data.road_world import RoadDriver, RoadWorld, before_islands
from tilth.data.world import World
from tilth.models.mixture_density import Mixture
from tilth.nn.distributions import gaussian_mixture_log_prob
from tilth.nn.modes import modes_kept
from tilth.randomness import SEEDS, fold

ROADS, DRAWN = 64, 4
ASIDE, SHARE = 0.1, 0.2  # steering that counts as to a side, and the weight that counts as said


def forks(
    world: World, models: Mapping[str, nn.Module], *, device: torch.device, seed: int
) -> Section:
    """Return what mixtures say where straight roads begin to part.

    models: "the mixture" and "the squared error" -> a net that gives a ``Mixture``
    """
    roads = world.environment(ROADS)
    assert isinstance(roads, RoadWorld)
    roads.reset(fold(seed, "forks") % SEEDS)
    seen = before_islands(roads)
    wanted = RoadDriver(roads).act(None, generator=None, explore=0.0).actions[:, 0]
    said = {name: _said(model, seen.to(device)) for name, model in models.items()}
    mixture, single = said.values()
    rows = [
        [
            name,
            f"{int(both_sides(one).sum())} of {ROADS}",
            f"{int(_straight(one).sum())} of {ROADS}",
        ]
        for name, one in said.items()
    ]
    lines = [
        f"Where {ROADS} straight roads begin to part, both ways are right, and nothing in "
        f"the picture says which the driver will take: it steers {float(wanted.abs().mean()):.2f} "
        "of full lock to the one side or the other. Straight on is the island."
    ]
    pictures = [{**one, "broad": True} for one in shown(seen[:DRAWN].float() / 255)]
    densities = [
        {"png": _drawn(mixture, single, place, float(wanted[place].abs())), "broad": True}
        for place in range(DRAWN)
    ]
    return Section(
        "Where the road parts",
        lines=lines,
        strips=[
            {"title": "What is seen", "shown": pictures},
            {"title": "How likely each steering is said to be", "shown": densities},
        ],
        table={
            "head": ["Trained by", "Both sides have a fifth of the weight", "Steers straight on"],
            "rows": rows,
        },
    )


@torch.no_grad()
def _said(model: nn.Module, seen: Tensor) -> Mixture:
    with modes_kept(model):
        model.eval()
        return Mixture(*(part.cpu() for part in model(seen)))


def both_sides(found: Mixture) -> Tensor:
    """Return [B] bool: whether both sides have more than a fifth of a mixture's weight.

    >>> logits, stds = torch.zeros(2, 2), torch.zeros(2, 2)
    >>> both_sides(Mixture(logits, torch.tensor([[-0.5, 0.5], [0.4, 0.5]]), stds)).tolist()
    [True, False]
    """
    weights = torch.softmax(found.logits, 1)
    sides = [(weights * (side * found.means > ASIDE)).sum(1) for side in (-1, 1)]
    return torch.minimum(*sides) > SHARE


def _straight(found: Mixture) -> Tensor:
    """Return [B] bool: whether what is done is to neither side."""
    return found.mode().abs() <= ASIDE


def _drawn(mixture: Mixture, single: Mixture, place: int, wanted: float) -> str:
    """Draw the density of one row as PNG in base64."""
    steering = torch.linspace(-1, 1, 401)
    logits, means, log_stds = (part[place].expand(len(steering), -1) for part in mixture)
    density = gaussian_mixture_log_prob(logits, means, log_stds, steering).exp()
    with figures.style():
        figure, axes = figures.new(3.2, 2.1)
        axes.fill_between(steering, density, color=NET, alpha=0.3, linewidth=0)
        axes.plot(steering, density, color=NET, label="mixture")
        mean = float(single.mean()[place])
        axes.axvline(mean, ymax=0.76, color=INK, linestyle="--", label="squared error")
        for side in (-wanted, wanted):
            axes.plot(side, 0, "^", color=OTHER, markersize=9, clip_on=False)
        axes.plot([], [], "^", color=OTHER, label="driver")
        axes.set(xlabel="steering, left to right", ylabel="density", xlim=(-1, 1))
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=7, loc="upper center", ncols=3)
        axes.set_ylim(top=1.3 * axes.get_ylim()[1])
        return figures.png(figure)
