"""The losses of segmentation, against torch and a loop."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth.contracts import Batch, Context
from tilth.data.mask_decoder import VOID
from tilth.objectives.segment import Segment, dice_loss
from tilth.train.gradient import backward_cut, mean_loss


def batch():
    draw = torch.Generator().manual_seed(0)
    masks = torch.randint(0, 3, (6, 5, 4), generator=draw).to(torch.uint8)
    masks[:, 0] = VOID
    return Batch(torch.randn(6, 2, 5, 4, generator=draw), masks, torch.arange(6))


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 1))


CASES = {
    "Segment": {
        "cross entropy": lambda: (Segment(), net(), batch()),
        "with dice": lambda: (Segment(dice_weight=0.5), net(), batch()),
    },
}
"""What tests/contracts/test_objectives.py holds these to, made anew for each test."""


def test_the_cross_entropy_is_that_of_torch_over_known_pixels():
    model, given = net(), batch()
    parts = Segment()(model, given, None).parts
    wanted = F.cross_entropy(model(given.inputs), given.targets.long(), ignore_index=VOID)
    term = parts["cross_entropy"]
    assert term.count == 6 * 4 * 4
    assert float(term.total.detach() / term.count) == pytest.approx(
        float(wanted.detach()), rel=1e-6
    )


@pytest.mark.parametrize("dice_weight", [0.0, 0.5])
def test_pictures_that_are_void_all_over_move_nothing(dice_weight):
    """A batch of such has a zero gradient; among others they change none, cut or not."""
    model, given = net(), batch()
    wanted = gradient(model, [given], dice_weight)
    noise = torch.randn(2, 2, 5, 4)
    void = Batch(noise, torch.full((2, 5, 4), VOID, dtype=torch.uint8), torch.arange(6, 8))
    total, found = gradient(model, [void], dice_weight)
    assert total == 0 and all(torch.equal(one, torch.zeros_like(one)) for one in found)
    both = Batch(*map(torch.cat, zip(given, void, strict=True)))
    for parts in ([given, void], [void, given], [both]):
        total, found = gradient(model, parts, dice_weight)
        assert total == pytest.approx(wanted[0], rel=1e-6)
        for one, other in zip(found, wanted[1], strict=True):
            torch.testing.assert_close(one, other)
    assert mean_loss(Segment(), model, void, None, nullcontext)[1].item() == 0


def gradient(model, parts, dice_weight):
    """Return the loss and the gradient that the loop takes of batches that are cut so."""
    objective, parameters = Segment(dice_weight=dice_weight), list(model.parameters())
    context = Context(0, 0.0, 0, torch.Generator(), torch.device("cpu"))
    _, total = backward_cut(objective, model, parts, parameters, context, nullcontext)
    return float(total), [parameter.grad for parameter in parameters]


def test_dice_is_milletari_s_formula_class_by_class():
    draw = torch.Generator().manual_seed(3)
    chances = torch.randn(2, 3, 4, 4, generator=draw).softmax(dim=1).double()
    targets = torch.randint(0, 2, (2, 4, 4), generator=draw)  # the third class is nowhere
    targets[0, 0, 0] = VOID
    for row in range(2):
        known = targets[row] != VOID
        terms = []
        for k in range(2):
            p, g = chances[row, k][known], (targets[row][known] == k).double()
            terms.append(2 * (p * g).sum() / (p.square().sum() + g.square().sum()))
        wanted = 1 - torch.stack(terms).mean()
        assert float(dice_loss(chances, targets)[row]) == pytest.approx(float(wanted))
