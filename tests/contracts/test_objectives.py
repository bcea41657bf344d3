"""What every objective keeps to; each class in objectives/ has a case here, or a test is red."""

from __future__ import annotations

import importlib
import inspect
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth import registry
from tilth.contracts import BaseSource, Batch, Context, Player
from tilth.errors import UserError
from tilth.objectives.supervised import CrossEntropy, Supervised, squared_error
from tilth.train.gradient import by_unit, weighted_sum
from tilth.train.loop import Loop
from tilth.train.state import pack, unpack
from tilth.tree import cut, map_tree, num_rows

ROWS = 10
STREAM = torch.Generator().manual_seed(0)
INPUTS = torch.randn(ROWS, 4, generator=STREAM)
CLASSES = Batch(INPUTS, torch.arange(ROWS) % 3, torch.arange(ROWS))
NUMBERS = Batch(INPUTS, INPUTS.sum(1), torch.arange(ROWS))


def net(outputs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs))


def vector_loss(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none")


# class -> name -> (objective, model, batch), made anew for each test
CASES = {
    "Supervised": {
        "cross entropy": lambda: (Supervised(CrossEntropy()), net(3), CLASSES),
        "smoothed": lambda: (Supervised(CrossEntropy(0.2)), net(3), CLASSES),
        "squared error": lambda: (Supervised(squared_error), net(1), NUMBERS),
        "a mean": lambda: (Supervised(nn.CrossEntropyLoss(), reduction="mean"), net(3), CLASSES),
        "a value per row": lambda: (Supervised(vector_loss), net(3), CLASSES),
    },
}
every_case = pytest.mark.parametrize(
    "make",
    [pytest.param(make, id=f"{c}-{n}") for c, named in CASES.items() for n, make in named.items()],
)


def objective_classes():
    """Name every class of the folder that has what the loop asks of an objective."""
    asked = {"due", "after_step", "state_dict", "load_state_dict"}
    return [
        name
        for file in registry.names("tilth.objectives")
        for name, found in vars(importlib.import_module(f"tilth.objectives.{file}")).items()
        if inspect.isclass(found)
        and found.__module__ == f"tilth.objectives.{file}"
        and asked <= set(dir(found))
    ]


@pytest.mark.parametrize("name", objective_classes())
def test_it_has_a_case_here(name):
    assert CASES.get(name), f"add examples of {name} to CASES: (objective, model, batch)"


def context(step=0):
    generator = torch.Generator().manual_seed(7)
    return Context(step, step / 10, step * ROWS, generator, torch.device("cpu"))


def loss_of(objective, model, batch):
    """Compute a loss from the same draws every time."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return objective(model, batch, context())


@every_case
def test_terms_are_finite_sums_with_their_counts(make):
    objective, model, batch = make()
    loss = loss_of(objective, model, batch)
    assert loss.parts
    for name, term in loss.parts.items():
        assert term.total.dim() == 0 and bool(term.total.isfinite()), name
        assert math.isfinite(term.count) and term.count > 0, name
        assert math.isfinite(term.weight) and term.per, name
    by_unit(loss)


@every_case
@pytest.mark.parametrize("parts", [2, 3])
def test_slices_sum_up_to_the_batch(make, parts):
    """Totals and counts per unit, and so the gradient: what a loss of means would not do."""
    objective, model, batch = make()
    if not objective.separable:
        pytest.skip("says that its batch must not be cut")
    whole = by_unit(loss_of(objective, model, batch))
    pieces = [by_unit(loss_of(objective, model, part)) for part in cut(batch, parts)]
    for unit, terms in whole.items():
        found = [piece[unit] for piece in pieces if unit in piece]
        assert sum(one[0].count for one in found) == terms[0].count
        total = sum(weighted_sum(one) for one in found)
        torch.testing.assert_close(total, weighted_sum(terms), rtol=1e-5, atol=1e-6)


@every_case
def test_the_order_of_the_rows_does_not_matter(make):
    objective, model, batch = make()
    order = torch.arange(num_rows(batch)).flip(0)
    turned = map_tree(lambda leaf: leaf[order], batch)
    for name, term in loss_of(objective, model, batch).parts.items():
        other = loss_of(objective, model, turned).parts[name]
        torch.testing.assert_close(term.total, other.total, rtol=1e-5, atol=1e-6)


class Same(BaseSource):
    def __init__(self, batch):
        self.batch = batch

    def next(self, model, context):
        return self.batch


def make_loop(objective, model, batch, **more):
    """Return a loop whose player moves all but the last layer's bias."""
    trained = list(model.parameters())[:-1]
    player = Player(trained, torch.optim.SGD(trained, 0.1))
    return Loop(model, [objective], Same(batch), {objective.moves: player}, total_steps=3, **more)


@every_case
def test_one_loop_moves_its_player_and_nobody_else(make):
    objective, model, batch = make()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    loop = make_loop(objective, model, batch)
    loop.fit()
    same = [torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert same == [False] * (len(same) - 1) + [True]
    assert math.isfinite(loop.metrics["train/loss"])
    assert all(parameter.grad is None for parameter in model.parameters())


@every_case
def test_a_batch_is_cut_or_the_cut_is_refused(make):
    objective, model, batch = make()
    if objective.separable:
        make_loop(objective, model, batch, micro_batches=2).fit()
        return
    with pytest.raises(UserError, match="must not be cut"):
        make_loop(objective, model, batch, micro_batches=2)


@every_case
def test_its_state_can_be_written_and_taken_back(make):
    objective, model, batch = make()
    make_loop(objective, model, batch).fit()
    other, _, _ = make()
    other.load_state_dict(unpack(*pack(objective.state_dict())))
    for name, term in loss_of(objective, model, batch).parts.items():
        assert torch.equal(term.total, loss_of(other, model, batch).parts[name].total)
    assert isinstance(objective.due(context(5)), bool)
