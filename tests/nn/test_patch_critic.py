"""Patches: the published count, and how many pixels one score sees."""

import pytest
import torch
from torch import nn

from tilth.nn.patch_critic import patch_critic


def test_parameters_are_the_published_ones():
    assert sum(p.numel() for p in patch_critic(3).parameters()) == 2_764_737


def seen(net, side):
    """Return the side of what the middle score sees, from its gradient on the pixels.

    Without the norms, which let every pixel have a little say.
    """
    bare = nn.Sequential(*(layer for layer in net if not isinstance(layer, nn.InstanceNorm2d)))
    pixels = torch.randn(1, 3, side, side, requires_grad=True)
    scores = bare(pixels)
    middle = scores.shape[2] // 2
    scores[0, 0, middle, middle].backward()
    touched = pixels.grad.abs().sum(dim=(0, 1)).nonzero()
    return (touched.max(dim=0).values - touched.min(dim=0).values + 1).tolist()


@pytest.mark.parametrize(("halvings", "side"), [(1, 16), (2, 34), (3, 70)])
def test_a_score_sees_as_many_pixels_as_the_paper_says(halvings, side):
    """16, 34 (by the rule of the paper) and 70: Isola et al. 2017, appendix 6.1.2."""
    assert seen(patch_critic(3, width=4, halvings=halvings), 160) == [side, side]


def test_there_is_a_score_for_every_eight_pixels():
    net = patch_critic(3, width=4)
    assert net(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)  # as in the authors' code
