"""The loop carries latent models: equal to a loop written by hand, resumed to the bit, cut."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.stop_at import StopAt
from tilth.contracts import BaseSource, Player
from tilth.data.noise import NoisyBatch, WithNoise
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.models.autoencoder import autoencoder
from tilth.models.vae import vae
from tilth.objectives.autoencode import Autoencode
from tilth.objectives.variational import Variational
from tilth.randomness import fold, permutation
from tilth.train.loop import Loop
from tilth.train.state import pack, unpack

COUNT, SIZE, LATENTS, STEPS, BETA, SIGMA = 90, 16, 3, 40, 2.0, 0.3
ROWS = torch.rand(COUNT, 10, generator=torch.Generator().manual_seed(0))
NOISE = {"latent": (LATENTS,), "corruption": (10,)}


def net(likelihood="gaussian", seed=2):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return vae(shape=(10,), latents=LATENTS, likelihood=likelihood, layers=(12,))


def denoiser(seed=2):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return autoencoder(shape=(10,), latents=LATENTS, layers=(12,))


def make_loop(model, objective, **more):
    store, targets = ResidentStore(ROWS), torch.zeros(COUNT)
    source = DatasetSource(
        store, targets, np.arange(COUNT), SIZE, prepare=lambda raw, rows, epoch: raw, seed=3
    )
    trained = list(model.parameters())
    player = Player(trained, torch.optim.Adam(trained, 1e-2))
    noisy = WithNoise(source, NOISE, seed=5)
    return Loop(model, [objective], noisy, {"model": player}, total_steps=STEPS, **more)


def batches_by_hand():
    """Even slices of the epoch's permutation, and the numbers that come with each."""
    stream = torch.Generator().manual_seed(fold(5, "noise", 0))
    steps = -(-COUNT // SIZE)
    for step in range(STEPS):
        order = permutation(COUNT, seed=3, epoch=step // steps)
        place = step % steps
        rows = ROWS[order[place * COUNT // steps : (place + 1) * COUNT // steps]]
        latent = torch.randn(len(rows), LATENTS, generator=stream)
        yield rows, latent, torch.randn(len(rows), 10, generator=stream)


def gaussian_loss(model, rows, latent):
    mean, log_std = model.encoder(rows).chunk(2, dim=1)
    found = model.decoder(mean + torch.exp(log_std) * latent)
    scaled = (rows - found) * torch.exp(-model.log_std)
    fit = (-0.5 * scaled.square() - model.log_std - 0.5 * float(np.log(2 * np.pi))).sum(-1)
    divergence = 0.5 * (mean.square() + torch.exp(2 * log_std) - 1) - log_std
    return (-fit.sum() + divergence.sum(1).sum() * BETA) / len(rows)


def bernoulli_loss(model, rows, latent):
    mean, log_std = model.encoder(rows).chunk(2, dim=1)
    logits = model.decoder(mean + torch.exp(log_std) * latent)
    error = F.binary_cross_entropy_with_logits(logits, rows, reduction="none").sum(1).sum()
    divergence = 0.5 * (mean.square() + torch.exp(2 * log_std) - 1) - log_std
    return (error + divergence.sum(1).sum() * BETA) / len(rows)


def train_by_hand(model, loss):
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for batch in batches_by_hand():
        optimizer.zero_grad()
        loss(model, *batch).backward()
        optimizer.step()
    return model


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_a_vae_equals_a_loop_by_hand_to_the_bit(likelihood):
    model = net(likelihood)
    other, start = copy.deepcopy(model), copy.deepcopy(model)
    make_loop(model, Variational(beta=BETA)).fit()
    loss = gaussian_loss if likelihood == "gaussian" else bernoulli_loss
    train_by_hand(other, lambda net, rows, latent, corruption: loss(net, rows, latent))
    assert same(model, other)
    moved = zip(model.parameters(), start.parameters(), strict=True)
    assert not any(torch.equal(a, b) for a, b in moved)


def test_a_denoising_autoencoder_equals_a_loop_by_hand_to_the_bit():
    model = denoiser()
    other = copy.deepcopy(model)
    make_loop(model, Autoencode(corruption=SIGMA)).fit()

    def loss(net, rows, latent, corruption):
        return (net(rows + SIGMA * corruption) - rows).square().sum() / len(rows)

    assert same(model, train_by_hand(other, loss))


def test_beta_of_one_is_the_vae_to_the_bit():
    """A weight of one leaves the sum of reconstruction and divergence as it is."""
    model, other = net(), net()
    make_loop(model, Variational()).fit()
    make_loop(other, Variational(beta=1.0)).fit()
    pressed = net()
    make_loop(pressed, Variational(beta=BETA)).fit()
    alone = net()

    def loss(net, rows, latent, corruption):
        mean, log_std = net.encoder(rows).chunk(2, dim=1)
        fit = net.log_likelihood(rows, mean + torch.exp(log_std) * latent)
        divergence = 0.5 * (mean.square() + torch.exp(2 * log_std) - 1) - log_std
        return (-fit.sum() + divergence.sum(1).sum()) / len(rows)

    train_by_hand(alone, loss)
    assert same(model, other) and same(model, alone)
    assert not same(model, pressed)


@pytest.mark.parametrize(
    ("make", "objective"),
    [(net, Variational(beta=BETA)), (denoiser, Autoencode(corruption=SIGMA))],
)
def test_resumes_to_the_bit(make, objective):
    """Stopped within an epoch, written, and taken up by parts that began from another seed."""
    whole, halved, resumed = make(), make(), make(seed=9)
    make_loop(whole, objective).fit()
    first = make_loop(halved, objective, hooks=[StopAt(23)])
    first.fit()
    state = unpack(*pack(copy.deepcopy(first.state_dict())))
    second = make_loop(resumed, objective)
    assert not same(whole, resumed)
    second.load_state_dict({**state, "hooks": []})
    second.fit()
    assert second.step == STEPS
    assert same(whole, resumed)


class OneBatch(BaseSource):
    """The same rows and numbers at every step, in float64."""

    def __init__(self):
        noise = {
            name: torch.randn(COUNT, *shape, generator=torch.Generator().manual_seed(7)).double()
            for name, shape in NOISE.items()
        }
        self.batch = NoisyBatch(ROWS.double(), torch.zeros(COUNT), torch.arange(COUNT), noise)

    def next(self, model, context):
        return self.batch


@pytest.mark.parametrize("parts", [2, 7])
@pytest.mark.parametrize(
    ("make", "objective"),
    [
        (net, Variational(beta=BETA)),
        (lambda: net("bernoulli"), Variational(beta=BETA)),
        (denoiser, Autoencode(corruption=SIGMA)),
    ],
)
def test_cutting_a_batch_changes_rounding_alone(make, objective, parts):
    """The gradient of one step, read off as plain descent at rate one."""
    steps = []
    for micro_batches in (1, parts):
        model = make().double()
        before = [parameter.detach().clone() for parameter in model.parameters()]
        trained = list(model.parameters())
        player = Player(trained, torch.optim.SGD(trained, 1.0))
        players = {"model": player}
        Loop(
            model, [objective], OneBatch(), players, total_steps=1, micro_batches=micro_batches
        ).fit()
        steps.append([old - now for old, now in zip(before, trained, strict=True)])
    for whole, cut in zip(*steps, strict=True):
        torch.testing.assert_close(cut, whole, rtol=0, atol=1e-12)
        assert whole.abs().max() > 1e-6
