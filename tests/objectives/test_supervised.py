"""Supervised losses as sums over rows, whichever way they come."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth.contracts import Batch
from tilth.errors import UserError
from tilth.objectives.supervised import CrossEntropy, Supervised, squared_error, summed

INPUTS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])
BATCH = Batch(INPUTS, CLASSES, torch.arange(6))


def net(outputs):
    """Return a small net, the same every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs))


def vector_loss(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none")


NUMBERS = Batch(INPUTS, INPUTS.sum(1), torch.arange(6))
CASES = {
    "Supervised": {
        "cross entropy": lambda: (Supervised(CrossEntropy()), net(3), BATCH),
        "smoothed": lambda: (Supervised(CrossEntropy(0.2)), net(3), BATCH),
        "squared error": lambda: (Supervised(squared_error), net(1), NUMBERS),
        "a mean": lambda: (Supervised(nn.CrossEntropyLoss(), reduction="mean"), net(3), BATCH),
        "a value per row": lambda: (Supervised(vector_loss), net(3), BATCH),
    },
}
"""What tests/contracts/test_objectives.py holds these to, made anew for each test."""


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_by_hand(smoothing):
    chances = F.log_softmax(INPUTS[:, :3], 1)
    wanted = -(1 - smoothing) * chances[range(6), CLASSES].sum() - smoothing * chances.mean(1).sum()
    assert torch.allclose(CrossEntropy(smoothing)(INPUTS[:, :3], CLASSES), wanted)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_shares_of_the_classes_by_hand(smoothing):
    chances = F.log_softmax(INPUTS[:, :3].double(), 1)
    shares = torch.tensor([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]]).repeat(3, 1)
    loss = CrossEntropy(smoothing)
    smooth = (1 - smoothing) * shares.double() + smoothing / 3
    torch.testing.assert_close(loss(INPUTS[:, :3], shares).double(), -(smooth * chances).sum())
    whole = F.one_hot(CLASSES, 3).float()
    torch.testing.assert_close(loss(INPUTS[:, :3], whole), loss(INPUTS[:, :3], CLASSES))


def test_means_vectors_and_sums_become_the_same_sum():
    model = nn.Linear(4, 3)
    total = F.cross_entropy(model(INPUTS), CLASSES, reduction="sum")
    for loss, reduction in (
        (nn.CrossEntropyLoss(), "mean"),
        (nn.CrossEntropyLoss(reduction="sum"), "sum"),
        (nn.CrossEntropyLoss(reduction="none"), "sum"),
    ):
        term = Supervised(loss, reduction=reduction)(model, BATCH, None).parts["loss"]
        assert torch.allclose(term.total, total)
        assert term.count == 6


def test_squared_error_takes_a_column_or_a_vector():
    targets = torch.arange(6.0)
    wanted = ((INPUTS[:, 0] - targets) ** 2).sum()
    assert torch.allclose(squared_error(INPUTS[:, :1], targets), wanted)
    assert torch.allclose(squared_error(INPUTS[:, 0], targets), wanted)


def test_a_loss_of_another_length_is_told():
    with pytest.raises(UserError, match="shape"):
        summed(torch.zeros(5), 6, "sum")


def test_one_number_is_refused_where_rows_were_asked_for():
    for loss in (nn.CrossEntropyLoss(reduction="none"), lambda o, t: F.cross_entropy(o, t)):
        objective = Supervised(loss, reduction="rows")
        if isinstance(loss, nn.Module):
            assert objective(nn.Linear(4, 3), BATCH, None).parts["loss"].count == 6
        else:
            with pytest.raises(UserError, match=r"one number for a slice.*reduction='none'"):
                objective(nn.Linear(4, 3), BATCH, None)
