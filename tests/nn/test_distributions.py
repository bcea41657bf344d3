"""Densities, entropies and draws against torch.distributions and against counting."""

import math

import pytest
import torch
from torch import distributions as D

from tilth.nn import distributions as ours

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = 2 * torch.randn(7, 4, generator=GENERATOR, dtype=torch.float64)
MEAN = torch.randn(7, 3, generator=GENERATOR, dtype=torch.float64)
LOG_STD = 0.5 * torch.randn(7, 3, generator=GENERATOR, dtype=torch.float64)
NOISE = torch.randn(7, 3, generator=GENERATOR, dtype=torch.float64)


def test_choices():
    choices = torch.tensor([0, 1, 2, 3, 3, 2, 1])
    wanted = D.Categorical(logits=LOGITS)
    log_probs, entropies = ours.categorical_log_prob_entropy(LOGITS, choices)
    torch.testing.assert_close(log_probs, wanted.log_prob(choices))
    torch.testing.assert_close(entropies, wanted.entropy())


def test_the_entropy_of_a_certain_choice_is_zero_and_has_a_gradient():
    logits = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    _, entropy = ours.categorical_log_prob_entropy(logits, torch.tensor([0]))
    entropy.sum().backward()
    assert float(entropy.detach()) == 0.0
    assert bool(logits.grad.isfinite().all())


def test_drawn_choices_have_their_shares():
    count = 100_000
    waits = torch.empty(count, 4).exponential_(generator=torch.Generator().manual_seed(0))
    shares = torch.softmax(LOGITS[0], 0)
    drawn = ours.categorical_draw(LOGITS[0].expand(count, 4), waits)
    found = torch.bincount(drawn, minlength=4) / count
    assert ((found - shares).abs() <= 4 * (shares * (1 - shares) / count).sqrt()).all()


def test_who_comes_first_is_drawn():
    """At twice the rate one waits half as long."""
    logits = torch.tensor([[1.0, 2.0, 4.0]]).log().expand(3, 3)
    waits = torch.tensor([[1.0, 2.1, 4.1], [1.1, 2.0, 4.1], [1.1, 2.1, 4.0]])
    assert ours.categorical_draw(logits, waits).tolist() == [0, 1, 2]


def test_a_choice_of_chance_zero_is_never_drawn():
    logits = torch.tensor([[-math.inf, 0.0, -math.inf, 0.0]]).expand(100, 4)
    waits = torch.empty(100, 4).exponential_(generator=torch.Generator().manual_seed(0))
    assert set(ours.categorical_draw(logits, waits).tolist()) == {1, 3}


@pytest.mark.parametrize("log_std", [LOG_STD, LOG_STD[0]])
def test_gaussians(log_std):
    wanted = D.Independent(D.Normal(MEAN, log_std.exp().expand_as(MEAN)), 1)
    found = ours.gaussian_log_prob(MEAN, log_std, NOISE)
    torch.testing.assert_close(found, wanted.log_prob(NOISE))
    entropy = ours.gaussian_entropy(log_std).expand(7)
    torch.testing.assert_close(entropy, wanted.entropy())


def test_tanh_gaussian_is_the_transformed_distribution():
    base = D.Independent(D.Normal(MEAN, LOG_STD.exp()), 1)
    wanted = D.TransformedDistribution(base, [D.TanhTransform(cache_size=1)])
    actions, log_probs = ours.tanh_gaussian(MEAN, LOG_STD, NOISE)
    torch.testing.assert_close(actions, torch.tanh(MEAN + LOG_STD.exp() * NOISE))
    torch.testing.assert_close(log_probs, wanted.log_prob(actions))


def test_the_density_of_a_tanh_gaussian_integrates_to_one():
    noise = torch.linspace(-9, 9, 20_001, dtype=torch.float64)[:, None]
    mean, log_std = torch.full_like(noise, 0.7), torch.full_like(noise, -0.3)
    actions, log_probs = ours.tanh_gaussian(mean, log_std, noise)
    area = torch.trapezoid(log_probs.exp(), actions.squeeze(1))
    assert float(area) == pytest.approx(1.0, abs=1e-6)


def test_the_slope_of_tanh_stays_finite_where_tanh_is_one():
    values = torch.tensor([0.3, -2.0, 8.0, -60.0])
    exact = torch.log(1 - torch.tanh(values[:2].double()) ** 2)
    torch.testing.assert_close(ours.log_tanh_slope(values)[:2].double(), exact, rtol=1e-5, atol=0)
    tail = torch.tensor([math.log(4) - 16.0, math.log(4) - 120.0])  # 1 - tanh^2 -> 4 exp(-2|x|)
    torch.testing.assert_close(ours.log_tanh_slope(values)[2:], tail)


def test_mixture():
    logits, means, log_stds = LOGITS[:, :3], 2 * MEAN, LOG_STD
    wanted = D.MixtureSameFamily(D.Categorical(logits=logits), D.Normal(means, log_stds.exp()))
    values = NOISE[:, 0]
    found = ours.gaussian_mixture_log_prob(logits, means, log_stds, values)
    torch.testing.assert_close(found, wanted.log_prob(values))


def test_gradients_are_those_of_differences():
    leaves = [leaf.clone().requires_grad_() for leaf in (LOGITS[:2, :3], MEAN[:2], LOG_STD[:2])]
    values = NOISE[:2, 0]
    assert torch.autograd.gradcheck(
        lambda *parts: ours.gaussian_mixture_log_prob(*parts, values), leaves
    )
    assert torch.autograd.gradcheck(
        lambda mean, log_std: ours.tanh_gaussian(mean, log_std, NOISE[:2]), leaves[1:]
    )
