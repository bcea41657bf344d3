"""Cutting a batch: the step is the uncut one, and what makes it another is said."""

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth.contracts import BaseObjective, BaseSource, Batch, Loss, Player, Term
from tilth.objectives.supervised import Supervised
from tilth.train.loop import Loop

STREAM = torch.Generator().manual_seed(0)
INPUTS = torch.randn(12, 4, generator=STREAM, dtype=torch.float64)
BATCH = Batch(INPUTS, (INPUTS[:, 0] > 0).long(), torch.arange(12))


class Same(BaseSource):
    def next(self, model, context):
        return BATCH


class Branches(nn.Module):
    """Uses ``first`` always, ``rare`` for the row of the largest first input, ``unused`` never."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.rare, self.unused = (nn.Linear(4, 2).double() for _ in range(3))

    def forward(self, inputs):
        outputs = self.first(inputs)
        rare = inputs[:, :1] >= INPUTS[:, 0].max()
        return outputs + self.rare(inputs) * rare if bool(rare.any()) else outputs


def cross_entropy(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="sum")


def fit(model, parts, *, steps=5, objective=None, make=torch.optim.AdamW):
    trained = list(model.parameters())
    player = Player(trained, make(trained, lr=0.1, weight_decay=0.3))
    loop = Loop(
        model,
        [objective or Supervised(cross_entropy)],
        Same(),
        {"model": player},
        total_steps=steps,
        micro_batches=parts,
    )
    loop.fit()
    return loop


@pytest.mark.parametrize("make", [torch.optim.AdamW, torch.optim.SGD])
@pytest.mark.parametrize("parts", [2, 3, 12])
def test_what_no_loss_reaches_is_left_alone_as_without_cutting(parts, make):
    """Zeros in place of no gradient would let the optimizer decay it."""

    whole, pieces = Branches(), Branches()
    start = copy.deepcopy(pieces.unused.state_dict())
    loops = [fit(whole, 1, make=make), fit(pieces, parts, make=make)]
    for name, value in whole.state_dict().items():
        assert torch.allclose(pieces.state_dict()[name], value, rtol=0, atol=1e-12), name
    assert all(torch.equal(pieces.unused.state_dict()[name], start[name]) for name in start)
    kept = [len(loop.players["model"].optimizer.state) for loop in loops]
    assert kept[0] == kept[1]


class TwoUnits(BaseObjective):
    """Two terms that count different things and share a gradient tensor; one is a plain sum."""

    def __call__(self, model, batch, context):
        total = cross_entropy(model.first(batch.inputs), batch.targets)
        return Loss(
            {
                "rows": Term(total, len(batch.rows)),
                "bias": Term(model.rare.bias.sum() + model.rare.weight.sum(), 2.0, per="values"),
            }
        )


def test_terms_that_reach_different_parameters():
    whole, pieces = Branches(), Branches()
    fit(whole, 1, objective=TwoUnits())
    fit(pieces, 3, objective=TwoUnits())
    for name, value in whole.state_dict().items():
        assert torch.allclose(pieces.state_dict()[name], value, rtol=0, atol=1e-12), name


@pytest.mark.parametrize("parts", [1, 2])
def test_a_frozen_parameter_of_the_player_stays(parts):
    model = Branches()
    model.first.weight.requires_grad_(False)
    start = model.first.weight.clone()
    fit(model, parts, objective=TwoUnits())
    assert torch.equal(model.first.weight, start)


def normed(train=True):
    body = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
    if not train:
        body[1].train = lambda mode=True: body[1]
        body[1].training = False
    return nn.Sequential(body, nn.ReLU(), nn.BatchNorm1d(5), nn.Linear(5, 2)).double()


def test_batch_norm_in_a_cut_batch_is_said_with_its_layers():
    with pytest.warns(UserWarning) as warned:
        fit(normed(), 2, steps=1)
    (message,) = (str(one.message) for one in warned)
    assert "micro_batches=2" in message and "(0.1, 2)" in message
    assert warned[0].filename == __file__


def test_batch_norm_that_is_frozen_or_not_cut_is_not_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(normed(), 1, steps=1)
        model = normed(train=False)
        model[2] = nn.GroupNorm(1, 5).double()
        fit(model, 2, steps=1)
