"""Adversarial training against hand-made attacks, and what it is for."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

import tilth as tl
from tilth.audit.robustness import still_right
from tilth.contracts import Batch, Context
from tilth.data.image_ball import image_ball
from tilth.errors import UserError
from tilth.nn.attack import Ball, pgd
from tilth.objectives.adversarial_training import AdversarialTraining
from tilth.objectives.supervised import CrossEntropy, Supervised, squared_error

INPUTS = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])
BATCH = Batch(INPUTS, CLASSES, torch.arange(6))
NUMBERS = Batch(INPUTS, INPUTS.sum(1), torch.arange(6))
BALL = Ball(0.1)


def net(outputs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(4, 5), nn.BatchNorm1d(5).eval(), nn.Tanh(), nn.Linear(5, outputs)
        )


def plain_net(outputs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.0), nn.Linear(5, outputs))


CASES = {
    "AdversarialTraining": {
        "classes": lambda: (
            AdversarialTraining(Supervised(CrossEntropy()), BALL), plain_net(3), BATCH
        ),
        "numbers": lambda: (
            AdversarialTraining(Supervised(squared_error), BALL), plain_net(1), NUMBERS
        ),
    },
}  # fmt: skip
"""What tests/contracts/test_objectives.py holds these to, made anew for each test."""


def context(step=0):
    return Context(step, 0.0, 0, torch.Generator(), torch.device("cpu"))


def test_its_loss_is_that_of_attacks_by_hand_and_larger():
    model, inner = plain_net(3), Supervised(CrossEntropy())
    hardened = AdversarialTraining(inner, BALL, steps=5, seed=3)
    found = hardened(model, BATCH, context(2)).parts["loss"]
    plain = inner(model, BATCH, context(2)).parts["loss"]
    changed = hardened.attacked(model, BATCH, context(2))
    by_hand = F.cross_entropy(model(changed), CLASSES, reduction="sum")
    torch.testing.assert_close(found.total, by_hand)
    assert found.count == plain.count == 6 and found.total > plain.total
    assert (changed - INPUTS).abs().max() <= 0.1 + 1e-6
    strongest = pgd(
        lambda x: F.cross_entropy(model(x), CLASSES, reduction="none"), INPUTS, BALL, steps=40
    )
    best = F.cross_entropy(model(strongest), CLASSES, reduction="sum")
    assert (found.total - plain.total) > 0.95 * (best - plain.total) > 0.1


def test_where_attacks_begin_is_drawn_for_each_row_and_step():
    """Where nothing slopes, an attack stays where it began."""
    flat = plain_net(3)
    for parameter in flat.parameters():
        parameter.data.zero_()
    hardened = AdversarialTraining(Supervised(CrossEntropy()), BALL, seed=3)
    begun = hardened.attacked(flat, BATCH, context(2))
    part = Batch(INPUTS[4:], CLASSES[4:], torch.arange(4, 6))
    assert torch.equal(begun[4:], hardened.attacked(flat, part, context(2)))
    assert not torch.equal(begun, hardened.attacked(flat, BATCH, context(3)))
    assert 0.03 < float((begun - INPUTS).abs().mean()) < 0.07


def test_attacks_leave_modes_statistics_and_gradients_as_they_were():
    model = net(3).train()
    AdversarialTraining(Supervised(CrossEntropy()), BALL).attacked(model, BATCH, context())
    assert model[1].training and int(model[1].num_batches_tracked) == 0
    assert all(parameter.grad is None for parameter in model.parameters())


def learner(radius, **more):
    found = load_digits()
    pixels = np.round(found.images * (255 / 16)).astype(np.uint8)
    arguments = {"adversarial": radius} if radius else {}
    return tl.Learner(
        tl.arrays(pixels, found.target),
        task_arguments=arguments,
        quiet=True,
        device="cpu",
        dtype="float32",
        augment=False,
        **more,
    )


def test_the_task_hands_the_objective_the_ball_of_its_pictures():
    parts = learner(0.1).parts()
    (objective,) = parts.objectives
    ready = learner(0.1).data.preprocessor
    assert isinstance(objective, AdversarialTraining)
    assert float(objective.ball.radius) == pytest.approx(0.1 * 255 / ready.std[0])
    assert float(objective.ball.low) == pytest.approx(-ready.mean[0] / ready.std[0])
    (plain,) = learner(0).parts().objectives
    assert isinstance(plain, Supervised)


@pytest.mark.parametrize("radius", [-0.1, 0.5, 8.0])
def test_a_radius_that_is_none_is_refused(radius):
    with pytest.raises(UserError, match=r"0\.03 is about 8 of 255 steps"):
        learner(radius)


def test_tables_are_refused():
    rows = np.random.default_rng(0).normal(size=(60, 3))
    with pytest.raises(UserError, match="only of pictures"):
        tl.Learner(tl.arrays(rows, rows[:, 0] > 0), task_arguments={"adversarial": 0.1})


def rights(learner):
    """Return the accuracy on 200 test digits as they are and under PGD within 0.1."""
    data = learner.data
    rows = torch.from_numpy(data.splits["test"][:200])
    inputs = data.prepare(train=False)(data.store.take(rows), rows, 0)
    ball = image_ball(data.preprocessor, 0.1, torch.device("cpu"))
    net, classes = learner.model.eval(), data.targets[rows]
    plain = float((net(inputs).argmax(1) == classes).float().mean())
    return plain, still_right(net, inputs, classes, ball, seed=0)["PGD"]


@pytest.mark.slow
def test_digits_trained_against_attacks_hold_where_plain_ones_fall(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = {}
    for radius in (0.0, 0.1):
        learn = learner(radius, model="mlp", epochs=30)
        learn.fit(lr=0.003)
        found[radius] = rights(learn)
    assert found[0.1][0] >= 0.95 and found[0.1][1] >= 0.75, found
    assert found[0.0][1] < found[0.1][1] - 0.15, found
