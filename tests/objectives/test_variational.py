"""The bound by hand, its weight, and draws that come with the batch."""

import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from tilth.data.noise import NoisyBatch
from tilth.models.vae import vae
from tilth.objectives.variational import Variational, bound_parts, log_weights

ROWS = torch.rand(7, 6, generator=torch.Generator().manual_seed(0))
NOISE = torch.randn(7, 2, generator=torch.Generator().manual_seed(1))
BATCH = NoisyBatch(ROWS, torch.zeros(7), torch.arange(7), {"latent": NOISE})


def net(likelihood="bernoulli"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return vae(shape=(6,), latents=2, likelihood=likelihood, layers=(5,))


CASES = {
    "Variational": {
        "bernoulli": lambda: (Variational(), net(), BATCH),
        "gaussian": lambda: (Variational(), net("gaussian"), BATCH),
        "beta": lambda: (Variational(beta=4.0), net(), BATCH),
    },
}
"""What tests/contracts/test_objectives.py holds these to, made anew for each test."""


def by_hand(model, beta):
    """The loop of pytorch/examples/vae with its weight on the divergence."""
    codes = model.encoder(ROWS)
    mean, log_std = codes[:, :2], codes[:, 2:]
    logits = model.decoder(mean + log_std.exp() * NOISE)
    fit = F.binary_cross_entropy_with_logits(logits, ROWS, reduction="sum")
    return fit + beta * kl_divergence(Normal(mean, log_std.exp()), Normal(0.0, 1.0)).sum()


def test_the_loss_is_the_negative_bound_by_hand():
    for beta in (1.0, 4.0):
        model = net()
        parts = Variational(beta=beta)(model, BATCH, None).parts
        total = sum(term.weight * term.total for term in parts.values())
        torch.testing.assert_close(total, by_hand(model, beta))
        found = torch.autograd.grad(total, list(model.parameters()))
        wanted = torch.autograd.grad(by_hand(model, beta), list(model.parameters()))
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other)
        assert {term.count for term in parts.values()} == {7}


def test_the_bound_is_the_mean_of_the_log_weights():
    """With the divergence in closed form and by draws; the first has no noise of its own."""
    model, noise = net("gaussian"), torch.randn(1000, 7, 2)
    with torch.no_grad():
        weights = log_weights(model, ROWS, noise)
        closed = torch.stack([fit - kl for fit, kl in (bound_parts(model, ROWS, d) for d in noise)])
    error = (weights - closed).std(0) / 1000**0.5
    assert ((weights.mean(0) - closed.mean(0)).abs() < 4 * error).all()
    assert (error > 0).all()
