"""Divergence, draws and bounds against torch.distributions, Monte Carlo and Jensen."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from torch.autograd import gradcheck
from torch.distributions import Normal, kl_divergence

from tilth.nn.evidence import (
    importance_bound,
    kl_to_standard_normal,
    nested_bounds,
    reparameterised,
)


def posterior(rows=5, latents=3):
    generator = torch.Generator().manual_seed(0)
    mean, log_std = torch.randn(2, rows, latents, generator=generator, dtype=torch.float64)
    return mean, log_std


def test_divergence_is_that_of_torch_distributions():
    mean, log_std = posterior()
    wanted = kl_divergence(Normal(mean, log_std.exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_to_standard_normal(mean, log_std), wanted)
    assert kl_to_standard_normal(torch.zeros(1), torch.zeros(1)).item() == 0


def test_divergence_is_the_mean_of_the_difference_of_log_densities():
    mean, log_std = posterior(2, 2)
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(100_000, 2, 2, generator=generator, dtype=torch.float64)
    draws = reparameterised(mean, log_std, noise)
    found = Normal(mean, log_std.exp()).log_prob(draws) - Normal(0.0, 1.0).log_prob(draws)
    error = found.std(0) / math.sqrt(len(noise))
    assert bool(((found.mean(0) - kl_to_standard_normal(mean, log_std)).abs() < 4 * error).all())


def test_derivatives():
    mean, log_std = (part.requires_grad_() for part in posterior(2, 2))
    noise = torch.randn(2, 2, dtype=torch.float64)
    assert gradcheck(kl_to_standard_normal, (mean, log_std))
    assert gradcheck(lambda m, s: reparameterised(m, s, noise), (mean, log_std))


def test_the_gradient_through_a_draw_is_that_of_the_score_function_and_less_noisy():
    """Of E[z^2] = mean^2 + std^2, whose slope in the mean is 2 mean."""
    mean, std = torch.tensor(0.7, dtype=torch.float64, requires_grad=True), 0.5
    noise = torch.randn(200_000, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    draws = reparameterised(mean, torch.tensor(math.log(std)), noise)
    (through,) = torch.autograd.grad(draws.square().mean(), mean)
    through_each = 2 * draws.detach()
    score_each = draws.detach().square() * (draws.detach() - mean.detach()) / std**2
    assert abs(through.item() - 1.4) < 4 * through_each.std().item() / math.sqrt(len(noise))
    assert abs(score_each.mean().item() - 1.4) < 4 * score_each.std().item() / math.sqrt(len(noise))
    assert score_each.std() > 2 * through_each.std()


@given(st.lists(st.floats(-700, 700), min_size=16, max_size=16))
def test_the_bound_grows_with_the_number_of_draws(values):
    """Means over groups of 1, 2, 4 ... draws never fall, by Jensen's inequality."""
    weights = torch.tensor(values, dtype=torch.float64)
    bounds = [one.item() for one in nested_bounds(weights[:, None], (1, 2, 4, 8, 16))]
    assert bounds[-1] == importance_bound(weights).item()
    assert bounds == sorted(bounds) or np.allclose(bounds, sorted(bounds), rtol=1e-12, atol=1e-10)
    assert math.isclose(bounds[0], np.mean(values), abs_tol=1e-9)
    wanted = logsumexp(values) - math.log(16)
    assert math.isclose(bounds[-1], wanted, rel_tol=1e-12, abs_tol=1e-9)


def test_each_row_has_its_own_bounds():
    weights = torch.randn(6, 3, dtype=torch.float64)
    one, three = nested_bounds(weights, (1, 3))
    torch.testing.assert_close(one, weights.mean(0))
    groups = [logsumexp(part, axis=0) - math.log(3) for part in weights.numpy().reshape(2, 3, 3)]
    np.testing.assert_allclose(three, np.mean(groups, axis=0), rtol=1e-12)
