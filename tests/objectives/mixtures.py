"""Points of known mixtures in the plane, and what share of generated points belongs to them."""

import math

import torch

from tilth.contracts import BaseSource, Batch

# Metz et al. 2017 (appendix A) and Lin et al. 2018 (section 4.1)
RING = 2 * torch.tensor([[math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)] for k in range(8)])
RING_SPREAD = 0.02
GRID = 2 * torch.cartesian_prod(*[torch.arange(-2.0, 3.0)] * 2)
GRID_SPREAD = 0.05


class Mixture(BaseSource):
    """Points around ``centres``, all equally likely; the label is the centre."""

    def __init__(self, centres, spread, rows=256, seed=0):
        self.centres, self.spread, self.rows = centres, spread, rows
        self.stream = torch.Generator().manual_seed(seed)

    def next(self, model, context):
        labels = torch.randint(len(self.centres), (self.rows,), generator=self.stream)
        points = self.centres[labels]
        points = points + self.spread * torch.randn(self.rows, 2, generator=self.stream)
        return Batch(points, labels, torch.arange(self.rows))

    def state_dict(self):
        return {"stream": self.stream.get_state()}

    def load_state_dict(self, state):
        self.stream.set_state(state["stream"])


def quality(points, centres, spread, within):
    """Return (modes, share): points nearer than ``within`` spreads to a centre are good.

    A mode counts where it has a quarter of its due share of good points.
    """
    distances, nearest = torch.cdist(points, centres).min(1)
    good = distances < within * spread
    counts = torch.bincount(nearest[good], minlength=len(centres))
    due = len(points) / len(centres)
    return int((counts > due / 4).sum()), float(good.float().mean())
