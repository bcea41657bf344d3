"""Active latents and the alarm, rigged and real; what a page shows of each latent."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch.distributions import Normal, kl_divergence

from tilth.audit.latent import STEPS, between, shown, traversals, usage, way_between
from tilth.contracts import Player
from tilth.data.noise import WithNoise
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.models.vae import vae
from tilth.objectives.variational import Variational
from tilth.train.loop import Loop
from tilth.train.optimizers import adamw
from tilth.train.schedules import one_cycle


def posteriors(active, latents=8, rows=500):
    """Return means and log deviations of which the first ``active`` latents follow the rows.

    The others lie at the prior, but for what a trained net leaves of noise.
    """
    generator = torch.Generator().manual_seed(0)
    means = 0.02 * torch.randn(rows, latents, generator=generator)
    log_stds = 0.01 * torch.randn(rows, latents, generator=generator)
    means[:, :active] = torch.randn(rows, active, generator=generator)
    log_stds[:, :active] = -2.0 - torch.arange(active)
    return means, log_stds


@pytest.mark.parametrize(
    ("active", "collapsed"), [(0, True), (1, True), (2, False), (4, False), (8, False)]
)
def test_a_rigged_collapse_is_told_and_nothing_else(active, collapsed):
    found = usage(*posteriors(active))
    assert found.active == list(range(active))[::-1]  # the narrower the posterior, the more it says
    assert found.collapsed is collapsed
    assert found.warning().startswith(f"Posterior collapse: {active} of 8") is collapsed
    assert bool(found.warning()) is collapsed


def test_numbers_are_those_of_numpy_and_torch_distributions():
    means, log_stds = posteriors(3)
    found = usage(means, log_stds)
    np.testing.assert_allclose(found.activity, means.numpy().astype(float).var(0), rtol=1e-6)
    wanted = kl_divergence(Normal(means, log_stds.exp()), Normal(0.0, 1.0)).mean(0)
    np.testing.assert_allclose(found.kl, wanted, rtol=1e-4, atol=1e-6)


def trained_on_digits(beta, seed):
    """Return how a net of 8 latents uses them on the 360 digits that it did not learn from."""
    pixels, labels = load_digits(return_X_y=True)
    rows = torch.from_numpy((pixels / 16).astype(np.float32))
    order = np.random.default_rng(seed).permutation(len(rows))
    torch.manual_seed(seed)
    net = vae(shape=(64,), latents=8, likelihood="bernoulli", layers=(128,))
    source = DatasetSource(
        ResidentStore(rows),
        torch.from_numpy(labels),
        order[360:],
        64,
        prepare=lambda raw, rows, epoch: raw,
        seed=seed,
    )
    player = Player(list(net.parameters()), adamw(net, 1e-2), one_cycle())
    noisy = WithNoise(source, {"latent": (8,)}, seed=seed)
    steps = 40 * source.steps_per_epoch
    Loop(net, [Variational(beta=beta)], noisy, {"model": player}, total_steps=steps).fit()
    with torch.no_grad():
        return usage(*net.encode(rows[order[:360]]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_real_collapse_is_told(seed):
    alone, pressed = (trained_on_digits(beta, seed) for beta in (1.0, 4.0))
    assert not alone.collapsed
    assert pressed.collapsed
    assert sum(pressed.kl) < sum(alone.kl)


def decode(codes):
    """Return one picture of 2 x 2 a code: its first two numbers, then their sum, then a half."""
    first, second = codes[:, 0], codes[:, 1]
    parts = [first, second, first + second, torch.full_like(first, 0.5)]
    return torch.stack(parts, 1).reshape(-1, 1, 2, 2)


def pixels(cell):
    with Image.open(io.BytesIO(base64.b64decode(cell["png"]))) as picture:
        return np.asarray(picture).tolist()


def test_one_latent_is_moved_and_the_others_stay():
    base, spread = torch.tensor([0.2, 0.4, 9.0]), torch.tensor([0.16, 0.24, 5.0])
    found = traversals(decode, base, spread, [1, 0])
    assert [way["latent"] for way in found] == [1, 0]
    assert found[0]["values"] == pytest.approx(np.linspace(-0.2, 1.0, STEPS).tolist(), abs=1e-6)
    assert pixels(found[0]["shown"][-1]) == [[51, 255], [255, 128]]  # (0.2, 1, 1.2, 0.5) * 255
    assert pixels(found[0]["shown"][STEPS // 2]) == [[51, 102], [153, 128]]
    assert pixels(found[1]["shown"][-1]) == [[153, 102], [255, 128]]  # (0.6, 0.4, 1, 0.5)


def test_rows_between_two_codes():
    ways = between(decode, torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.0, 0.4]]))
    assert [len(way) for way in ways] == [STEPS, STEPS]
    assert pixels(ways[0][0]) == [[0, 0], [0, 128]]
    assert pixels(ways[0][STEPS // 2]) == [[128, 0], [128, 128]]
    assert pixels(ways[1][-1]) == [[0, 102], [102, 128]]


def test_colour_pictures_keep_their_channels_and_vectors_their_numbers():
    colour = torch.tensor([1.0, 0.0, 0.2]).reshape(1, 3, 1, 1).expand(1, 3, 2, 1)
    assert pixels(shown(colour)[0]) == [[[255, 0, 51]], [[255, 0, 51]]]
    assert shown(torch.tensor([[0.5, -3.0]])) == [{"numbers": [0.5, -3.0]}]


def test_a_curved_way_keeps_the_length_and_gives_way_where_codes_are_opposite():
    first, last = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert way_between(first, last, curved=True).norm(dim=1).allclose(torch.ones(STEPS))
    middle = way_between(first, last, curved=False, fractions=torch.tensor([0.5]))
    assert middle.tolist() == [[0.5, 0.5]]
    opposite = way_between(first, -first, curved=True)
    assert torch.equal(opposite, way_between(first, -first, curved=False))
