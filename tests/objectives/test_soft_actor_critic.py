"""Soft actor-critic's three losses against loops over rows, and what each of them moves."""

import math

import pytest
import torch
from torch import distributions as D

from tilth.data.replay import ReplayBatch
from tilth.errors import UserError
from tilth.models.soft_actor_critic import soft_actor_critic
from tilth.objectives.soft_actor_critic import SoftCritics, SoftPolicy, SoftTemperature

ROWS = 6


def made(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = soft_actor_critic(channels=3, low=(-2.0, 0.0), high=(2.0, 1.0), layers=(8,))
    model.temperature.logarithm.data.fill_(-1.3)
    return model


def batch():
    draw = torch.Generator().manual_seed(5)
    numbers = [torch.randn(ROWS, width, generator=draw) for width in (3, 3, 2, 2)]
    return ReplayBatch(
        observations=numbers[0],
        actions=torch.rand(ROWS, 2, generator=draw),
        rewards=torch.randn(ROWS, generator=draw),
        following=numbers[1],
        discounts=torch.tensor([0.9, 0.9, 0.0, 0.9, 0.0, 0.9]),
        noise={"actions": numbers[2], "following": numbers[3]},
    )


CASES = {
    "SoftCritics": {"two numbers": lambda: (SoftCritics(rate=0.1), made(), batch())},
    "SoftPolicy": {"two numbers": lambda: (SoftPolicy(), made(), batch())},
    "SoftTemperature": {
        "minus the numbers": lambda: (SoftTemperature(), made(), batch()),
        "a given entropy": lambda: (SoftTemperature(entropy=0.3), made(), batch()),
    },
}


def drawn_slowly(model, seen, noise):
    """Return one row's action in [-1, 1] and its log-density, by torch.distributions."""
    mean, log_std = (part[0] for part in model.actor(seen[None]))
    base = D.Independent(D.Normal(mean, log_std.exp()), 1)
    unit = torch.tanh(mean + log_std.exp() * noise)
    law = D.TransformedDistribution(base, [D.TanhTransform(cache_size=0)])
    return unit, law.log_prob(unit)


def valued(critics, seen, unit):
    joined = torch.cat([seen, unit])[None]
    return [float(net(joined)) for net in (critics.first, critics.second)]


@torch.no_grad()
def test_critics_by_a_loop_over_rows():
    model, rows, target = made(0), batch(), made(9).critics
    objective = SoftCritics()
    objective.load_state_dict({"target": target.state_dict()})
    total, warmth = 0.0, math.exp(-1.3)
    for row in range(ROWS):
        unit, log_prob = drawn_slowly(model, rows.following[row], rows.noise["following"][row])
        soft = min(valued(target, rows.following[row], unit)) - warmth * float(log_prob)
        wanted = float(rows.rewards[row]) + float(rows.discounts[row]) * soft
        done = torch.stack([rows.actions[row, 0] / 2, 2 * rows.actions[row, 1] - 1])
        for found in valued(model.critics, rows.observations[row], done):
            total += 0.5 * (found - wanted) ** 2
    term = objective(model, rows, None).parts["value"]
    assert float(term.total) == pytest.approx(total, rel=1e-4)
    assert term.count == ROWS


@torch.no_grad()
def test_policy_and_temperature_by_a_loop_over_rows():
    model, rows = made(0), batch()
    policy = temperature = 0.0
    for row in range(ROWS):
        unit, log_prob = drawn_slowly(model, rows.observations[row], rows.noise["actions"][row])
        worth = min(valued(model.critics, rows.observations[row], unit))
        policy += math.exp(-1.3) * float(log_prob) - worth
        temperature += -1.3 * -(float(log_prob) - 2.0)
    found = SoftPolicy()(model, rows, None).parts["policy"].total
    assert float(found) == pytest.approx(policy, rel=1e-4)
    found = SoftTemperature()(model, rows, None).parts["temperature"].total
    assert float(found) == pytest.approx(temperature, rel=1e-4)


def test_a_policy_with_too_little_entropy_becomes_warmer():
    model, rows = made(), batch()
    for free, sign in ((-1.0, -1), (0.46, 1)):  # deviations of 0.015 and 1; a step goes down
        model.actor.body[-1].weight.data.zero_()
        model.actor.body[-1].bias.data = torch.tensor([0.0, 0.0, free, free])
        model.zero_grad()
        SoftTemperature(entropy=-1.0)(model, rows, None).parts["temperature"].total.backward()
        assert torch.sign(model.temperature.logarithm.grad) == sign


def test_copies_follow_the_critics_by_the_rate():
    model, objective = made(), SoftCritics(rate=0.25)
    objective(model, batch(), None)
    before = [parameter.detach().clone() for parameter in model.critics.parameters()]
    for parameter in model.critics.parameters():
        parameter.data += 1.0
    objective.after_step(model, None)
    target = objective.state_dict()["target"].values()
    for old, copied in zip(before, target, strict=True):
        torch.testing.assert_close(copied, old + 0.25)


def test_a_rate_that_is_no_share_is_refused():
    with pytest.raises(UserError, match="share of the critics"):
        SoftCritics(rate=0.0)
