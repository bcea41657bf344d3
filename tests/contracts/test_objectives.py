"""What every objective keeps to; the test file of each class has its CASES, or a test is red."""

from __future__ import annotations

import importlib
import inspect
import math

import pytest
import torch

from tilth import registry
from tilth.contracts import BaseSource, Context, Player
from tilth.errors import UserError
from tilth.train.gradient import by_unit, weighted_sum
from tilth.train.loop import Loop
from tilth.train.state import pack, unpack
from tilth.tree import cut, map_tree, num_rows

FILES = registry.names("tilth.objectives")


def cases(file):
    """Return the examples in the file's own test: class -> name -> (objective, model, batch)."""
    try:
        return importlib.import_module(f"tests.objectives.test_{file}").CASES
    except (ModuleNotFoundError, AttributeError):
        return {}


every_case = pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=f"{c}-{n}")
        for file in FILES
        for c, named in cases(file).items()
        for n, make in named.items()
    ],
)


def objective_classes():
    """Return (file, name) of every class that has what the loop asks of an objective."""
    asked = {"due", "after_step", "state_dict", "load_state_dict"}
    return [
        (file, name)
        for file in FILES
        for name, found in vars(importlib.import_module(f"tilth.objectives.{file}")).items()
        if inspect.isclass(found)
        and found.__module__ == f"tilth.objectives.{file}"
        and asked <= set(dir(found))
    ]


@pytest.mark.parametrize(("file", "name"), objective_classes())
def test_its_own_test_has_cases(file, name):
    wanted = f"tests/objectives/test_{file}.py needs CASES[{name!r}]: (objective, model, batch)"
    assert cases(file).get(name), wanted


def context(step=0):
    generator = torch.Generator().manual_seed(7)
    return Context(step, step / 10, step * 10, generator, torch.device("cpu"))


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


def trained_by(objective, model):
    """Return all but the last parameter (where there are two) of the player's sub-module or all."""
    found = list(getattr(model, objective.moves, model).parameters())
    return found[:-1] or found


def make_loop(objective, model, batch, **more):
    """Return a loop whose player moves all but the last layer's bias."""
    trained = trained_by(objective, model)
    player = Player(trained, torch.optim.SGD(trained, 0.1))
    return Loop(model, [objective], Same(batch), {objective.moves: player}, total_steps=3, **more)


@every_case
def test_one_loop_moves_its_player_and_nobody_else(make):
    objective, model, batch = make()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    loop = make_loop(objective, model, batch)
    loop.fit()
    now = zip(before, model.parameters(), strict=True)
    moved = {id(parameter) for old, parameter in now if not torch.equal(old, parameter)}
    assert moved == {id(parameter) for parameter in trained_by(objective, model)}
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
