"""A variational autoencoder: its likelihoods by torch.distributions, its bound by pPCA."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import Bernoulli, Normal

from tests.models.test_autoencoder import OneBatch, made_rows
from tilth.contracts import Player
from tilth.data.noise import WithNoise
from tilth.errors import UserError
from tilth.models.vae import vae
from tilth.nn.evidence import importance_bound
from tilth.objectives.variational import Variational, bound_parts, log_weights
from tilth.train.loop import Loop
from tilth.train.schedules import flat_cosine

LATENTS = 2


def every_part(model, inputs):
    mean, log_std = model.encode(inputs)
    fit = model.log_likelihood(inputs, mean)[:, None] / 100  # of the size of the others
    return torch.cat([mean, log_std, model(inputs).flatten(1), fit], dim=1)


CASE = {
    "arguments": {"shape": (5,), "latents": 3, "layers": (16,)},
    "inputs": lambda rows: torch.randn(rows, 5, generator=torch.Generator().manual_seed(1)),
    "call": every_part,
}


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_likelihood_and_expectation_are_those_of_torch_distributions(likelihood):
    net = vae(shape=(1, 4, 4), latents=3, likelihood=likelihood, layers=(8,))
    rows, latents = (torch.rand(6, 1, 4, 4) > 0.5).float(), torch.randn(6, 3)
    found = net.decoder(latents)
    if likelihood == "gaussian":
        net.log_std.data.fill_(-0.3)
        wanted = Normal(found, math.exp(-0.3))
    else:
        wanted = Bernoulli(logits=found)
    torch.testing.assert_close(
        net.log_likelihood(rows, latents), wanted.log_prob(rows).sum((1, 2, 3))
    )
    torch.testing.assert_close(net.decode(latents), wanted.mean)
    assert torch.equal(net.sample(latents), net.decode(latents))
    assert torch.equal(net(rows), net.decode(net.encode(rows)[0]))


def test_an_unknown_likelihood_is_told():
    with pytest.raises(UserError, match="did you mean 'gaussian'"):
        vae(shape=(4,), latents=2, likelihood="gausian")


def probabilistic_pca(rows):
    """Return W, mean and variance in closed form (Tipping and Bishop 1999, equations 7 and 8)."""
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(rows.T, correction=0))
    values, vectors = values.flip(0), vectors.flip(1)
    variance = values[LATENTS:].mean()
    return vectors[:, :LATENTS] * (values[:LATENTS] - variance).sqrt(), mean, variance


def evidence(rows, weight, mean, variance):
    """Return log p(x) of each row under probabilistic PCA, by scipy."""
    covariance = weight @ weight.T + variance * torch.eye(len(mean), dtype=torch.float64)
    return torch.from_numpy(multivariate_normal(mean.numpy(), covariance.numpy()).logpdf(rows))


def linear_vae(rows):
    """Return the linear net whose bound is tight: q(z|x) is the posterior of pPCA itself."""
    weight, mean, variance = probabilistic_pca(rows)
    net = vae(shape=(rows.shape[1],), latents=LATENTS, layers=()).double()
    spread = weight.square().sum(0) + variance  # M is diagonal, as the columns are orthogonal
    with torch.no_grad():
        project = (weight / spread).T
        net.encoder[1].weight.copy_(torch.cat([project, torch.zeros_like(project)]))
        net.encoder[1].bias.copy_(torch.cat([-project @ mean, 0.5 * (variance / spread).log()]))
        net.decoder[0].weight.copy_(weight)
        net.decoder[0].bias.copy_(mean)
        net.log_std.fill_(0.5 * variance.log())
    return net


def exact_bound(net, rows):
    """Return the bound of a linear net without chance.

    It is quadratic in the noise, so draws at plus and minus sqrt(D) along each axis average it
    exactly: they have the mean and covariance of the standard normal.
    """
    axes = math.sqrt(LATENTS) * torch.eye(LATENTS, dtype=torch.float64)
    with torch.no_grad():
        draws = [bound_parts(net, rows, axis.expand(len(rows), -1)) for axis in (*axes, *-axes)]
    return torch.stack([fit - divergence for fit, divergence in draws]).mean(0)


def test_the_bound_of_a_linear_one_is_the_evidence_of_probabilistic_pca():
    rows = made_rows()
    wanted = evidence(rows, *probabilistic_pca(rows))
    torch.testing.assert_close(exact_bound(linear_vae(rows), rows), wanted, rtol=0, atol=1e-10)


def test_a_linear_one_learns_probabilistic_pca():
    """Within 0.1 nats of the largest evidence that any linear Gaussian model has."""
    rows = made_rows()
    best = evidence(rows, *probabilistic_pca(rows)).mean().item()
    net = vae(shape=(6,), latents=LATENTS, layers=()).double()
    trained = list(net.parameters())
    player = Player(trained, torch.optim.Adam(trained, 0.05), flat_cosine(0.3))
    source = WithNoise(OneBatch(rows), {"latent": (LATENTS,)})
    Loop(net, [Variational()], source, {"model": player}, total_steps=1000).fit()
    assert best - 0.1 < exact_bound(net, rows).mean().item() < best + 1e-9


def test_bounds_of_more_draws_rise_to_the_evidence():
    """With a posterior that is wrong on purpose: too wide, and beside the true one."""
    rows = made_rows()
    net = linear_vae(rows)
    wanted = evidence(rows, *probabilistic_pca(rows)).mean().item()
    net.encoder[1].bias.data += 0.7
    noise = torch.randn(512, len(rows), LATENTS, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        weights = log_weights(net, rows, noise.double())
    bounds = [importance_bound(weights[:k]).mean().item() for k in (1, 4, 32, 512)]
    lower = exact_bound(net, rows).mean().item()
    assert bounds == sorted(bounds)
    assert abs(weights.mean().item() - lower) < 4 * weights.mean(1).std().item() / 512**0.5
    assert lower < wanted - 0.5 < bounds[-1] < wanted + 0.01
    assert abs(bounds[-1] - wanted) < 0.02


def test_weights_of_the_true_posterior_are_all_the_evidence():
    """log p(x, z) - log q(z|x) = log p(x) for every z where q is the posterior."""
    rows = made_rows(20)
    wanted = evidence(rows, *probabilistic_pca(rows))
    found = log_weights(linear_vae(rows), rows, torch.randn(3, 20, LATENTS).double())
    np.testing.assert_allclose(found.detach(), wanted.expand(3, -1), atol=1e-10)
