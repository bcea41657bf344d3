"""Attacks against closed forms and the adversarial-robustness-toolbox."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tilth.nn.attack import Ball, expected, fgsm, pgd


def net(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.Tanh(), nn.Linear(16, 3))


PICTURES = torch.rand(20, 1, 6, 6, generator=torch.Generator().manual_seed(1))
CLASSES = torch.arange(20) % 3


def losses(model, classes=CLASSES):
    return lambda pictures: F.cross_entropy(model(pictures), classes, reduction="none")


def theirs(model):
    from art.estimators.classification import PyTorchClassifier

    return PyTorchClassifier(
        model, nn.CrossEntropyLoss(), (1, 6, 6), 3, clip_values=(0.0, 1.0), device_type="cpu"
    )


def test_of_a_linear_model_the_loss_rises_by_the_radius_times_the_weights_sum():
    weights = torch.randn(36, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    inputs = torch.full((2, 36), 0.5, dtype=torch.float64)
    rise = (fgsm(lambda x: x @ weights, inputs, Ball(0.1)) - inputs) @ weights
    torch.testing.assert_close(rise, (0.1 * weights.abs().sum()).expand(2))
    other = pgd(lambda x: x @ weights, inputs, Ball(0.1), steps=4)
    torch.testing.assert_close((other - inputs) @ weights, rise)


def test_fgsm_is_that_of_art():
    from art.attacks.evasion import FastGradientMethod

    model = net()
    wanted = FastGradientMethod(theirs(model), eps=0.1).generate(
        PICTURES.numpy(), y=np.eye(3)[CLASSES]
    )
    found = fgsm(losses(model), PICTURES, Ball(0.1))
    assert np.array_equal(found.numpy(), wanted)


def test_pgd_is_that_of_art_from_the_same_start():
    from art.attacks.evasion import ProjectedGradientDescentPyTorch

    model = net()
    attack = ProjectedGradientDescentPyTorch(
        theirs(model), eps=0.1, eps_step=0.03, max_iter=7, num_random_init=0, verbose=False
    )
    wanted = attack.generate(PICTURES.numpy(), y=np.eye(3)[CLASSES])
    found = pgd(losses(model), PICTURES, Ball(0.1), steps=7, step=0.03)
    assert np.abs(found.numpy() - wanted).max() < 1e-6
    once = fgsm(losses(model), PICTURES, Ball(0.1))
    with torch.no_grad():
        assert losses(model)(found).mean() > losses(model)(once).mean()


@given(radius=st.floats(0.001, 0.6), seed=st.integers(0, 99), steps=st.integers(1, 4))
def test_attacks_never_leave_the_ball_or_the_range(radius, seed, steps):
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.rand(3, 1, 6, 6, generator=generator)
    ball, raised = Ball(radius), losses(net(seed), CLASSES[:3])
    start = ball.sampled(pictures, torch.rand(pictures.shape, generator=generator))
    attack = functools.partial(pgd, raised, pictures, ball, steps=steps)
    for found in (start, fgsm(raised, pictures, ball), attack(), attack(start=start, step=1.0)):
        assert float((found - pictures).abs().max()) <= radius + 1e-6
        assert float(found.min()) >= 0 and float(found.max()) <= 1


def test_a_ball_may_differ_from_channel_to_channel():
    radius = torch.tensor([0.1, 0.2])[:, None, None]
    ball = Ball(radius, low=-radius, high=radius)
    pictures = torch.zeros(1, 2, 3, 3)
    found = fgsm(lambda x: x.sum((1, 2, 3)), pictures, ball)
    assert torch.equal(found, radius.expand(1, 2, 3, 3))
    assert torch.equal(ball.project(found + 1, pictures), found)


def test_expected_over_the_identity_is_pgd_and_over_two_their_mean():
    model = net()
    plain = pgd(losses(model), PICTURES, Ball(0.1), steps=3)
    alone = pgd(expected(losses(model), [lambda x: x]), PICTURES, Ball(0.1), steps=3)
    assert torch.equal(plain, alone)
    both = expected(losses(model), [lambda x: x, lambda x: x.flip(3)])(PICTURES)
    wanted = (losses(model)(PICTURES) + losses(model)(PICTURES.flip(3))) / 2
    torch.testing.assert_close(both, wanted)


def test_attacks_leave_the_models_gradients_alone():
    model = net()
    pgd(losses(model), PICTURES, Ball(0.1), steps=2)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not PICTURES.requires_grad


@pytest.mark.parametrize("value", [0.25, torch.tensor(0.25)])
def test_sampled_places_fill_the_ball(value):
    inputs = torch.full((1, 1000), 0.5)
    found = Ball(value).sampled(inputs, torch.rand(inputs.shape)) - 0.5
    assert found.abs().max() <= 0.25 and found.abs().max() > 0.24 and abs(found.mean()) < 0.03
