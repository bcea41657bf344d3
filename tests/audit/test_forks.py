"""What is said where a road parts, with nets whose answers are known."""

import torch
from torch import nn

import tilth as tl
from tilth.audit.forks import DRAWN, ROADS, both_sides, forks
from tilth.models.mixture_density import Mixture


class Says(nn.Module):
    """The same Gaussians for everything."""

    def __init__(self, weights, means):
        super().__init__()
        self.weights, self.means = torch.tensor(weights), torch.tensor(means)

    def forward(self, observations):
        rows = len(observations)
        spread = torch.full((rows, len(self.means)), -3.0)
        return Mixture(self.weights.log().expand(rows, -1), self.means.expand(rows, -1), spread)


def test_a_side_counts_where_it_has_a_fifth_of_the_weight():
    means = [-0.6, 0.05, 0.6]
    for weights, both in (
        ([0.5, 0.0, 0.5], True),
        ([0.21, 0.0, 0.79], True),
        ([0.19, 0.0, 0.81], False),
        ([0.1, 0.8, 0.1], False),
    ):
        found = Says(weights, means)(torch.zeros(1))
        assert bool(both_sides(found)) == both, weights


def test_the_table_counts_roads_and_the_pictures_are_drawn():
    models = {
        "the mixture": Says([0.5, 0.5], [-0.5, 0.5]),
        "the squared error": Says([1.0], [0.02]),
    }
    world = tl.world("RoadWorld", {"height": 12, "width": 20})
    found = forks(world, models, device=torch.device("cpu"), seed=0)
    all_of, none_of = f"{ROADS} of {ROADS}", f"0 of {ROADS}"
    assert found.table["rows"] == [
        ["the mixture", all_of, none_of],
        ["the squared error", none_of, all_of],
    ]
    assert [len(strip["shown"]) for strip in found.strips] == [DRAWN, DRAWN]
