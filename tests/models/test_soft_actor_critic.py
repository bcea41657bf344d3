"""The policy of soft actor-critic against torch's transformed distribution; bounds; players."""

import pytest
import torch
from torch import distributions as D

from tilth.errors import UserError
from tilth.models.soft_actor_critic import soft_actor_critic

LOW, HIGH = (-2.0, 0.0), (2.0, 10.0)


def inputs(rows):
    return torch.randn(rows, 3, generator=torch.Generator().manual_seed(1))


def call(model, observations):
    """Everything that the three players say, as [B, 8]."""
    mean, log_std = model.actor(observations)
    values = model.critics(observations, torch.tanh(mean)).T
    warmth = model.temperature().expand(len(mean), 1)
    return torch.cat([model(observations), log_std, values, warmth, mean[:, :1]], 1)


CASE = {
    "arguments": {"channels": 3, "low": LOW, "high": HIGH, "layers": (16,)},
    "inputs": inputs,
    "call": call,
}


def made():
    torch.manual_seed(0)
    return soft_actor_critic(channels=3, low=LOW, high=HIGH, layers=(16, 16))


def test_draws_have_the_density_of_the_transformed_gaussian():
    model, seen, noise = made(), inputs(6), torch.randn(6, 2)
    mean, log_std = model.actor(seen)
    base = D.Independent(D.Normal(mean, log_std.exp()), 1)
    wanted = D.TransformedDistribution(base, [D.TanhTransform(cache_size=1)])
    units, log_probs = model.drawn(seen, noise)
    torch.testing.assert_close(units, torch.tanh(mean + log_std.exp() * noise))
    torch.testing.assert_close(log_probs, wanted.log_prob(units), rtol=1e-4, atol=1e-4)


def test_actions_fill_their_bounds_and_come_back():
    model = made()
    corners = torch.tensor([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]])
    stretched = model.stretched(corners)
    assert stretched.tolist() == [[-2.0, 0.0], [0.0, 5.0], [2.0, 10.0]]
    assert torch.equal(model.units(stretched), corners)


def test_acting_well_draws_nothing_and_exploring_draws_from_the_policy():
    model, generator = made(), torch.Generator().manual_seed(2)
    seen, before = inputs(8), generator.get_state()
    found = model.act(seen, generator=generator, explore=0.0).actions
    assert torch.equal(found, model.stretched(torch.tanh(model.actor(seen)[0])))
    assert torch.equal(before, generator.get_state())
    noise = torch.randn(8, 2, generator=torch.Generator().manual_seed(2))
    drawn = model.act(seen, generator=generator, explore=1.0).actions
    assert torch.equal(drawn, model.stretched(model.drawn(seen, noise)[0]))


def test_the_deviation_stays_between_its_bounds_and_keeps_a_gradient():
    model, seen = made(), 1000 * inputs(50)
    _, log_std = model.actor(seen)
    assert log_std.min() >= -5.0 and log_std.max() <= 2.0


def test_the_two_critics_differ():
    model, seen = made(), inputs(6)
    first, second = model.critics(seen, torch.zeros(6, 2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("low", "high", "rule"),
    [((), (), "two finite"), ((-1.0,), (float("inf"),), "two finite"), ((1.0,), (-1.0,), "below")],
)
def test_bounds_that_are_none_are_refused(low, high, rule):
    with pytest.raises(UserError, match=rule):
        soft_actor_critic(channels=3, low=low, high=high)
