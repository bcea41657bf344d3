"""Rows decoded from densities over codes, by a model whose codes are known."""

import functools

import numpy as np
import pytest
import torch

import tilth as tl
from tilth.audit.coded import Coded, coded, decoded
from tilth.audit.latent import usage
from tilth.audit.made_up import densities, made_up

LEARNER = functools.partial(
    tl.Learner, quiet=True, model_arguments={"latents": 2, "layers": ()}, device="cpu"
)


def heaps(rows=600, seed=0):
    """Rows of four numbers on a plane, in two heaps far apart."""
    stream = np.random.default_rng(seed)
    plane = stream.normal(size=(rows, 2)) * 0.2 + np.where(np.arange(rows) % 2, 2.0, -2.0)[:, None]
    return plane @ np.array([[1.0, 0.5, 0.0, 1.0], [0.0, 1.0, 1.0, -0.5]])


@pytest.fixture(scope="module")
def setup():
    """An autoencoder that gives back the plane exactly: its weights are those of PCA."""
    learner = LEARNER(tl.arrays(heaps()), task="autoencode")
    rows = learner.data.store.take(torch.arange(600)).double()
    _, _, axes = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    encoder, decoder = learner.model.encoder[-1], learner.model.decoder[0]
    with torch.no_grad():
        encoder.weight.copy_(axes[:2])
        encoder.bias.copy_(-axes[:2] @ rows.mean(0))
        decoder.weight.copy_(axes[:2].T)
        decoder.bias.copy_(rows.mean(0))
    return learner.task, learner.setup()


def test_codes_are_the_models_and_decoding_them_gives_the_rows(setup):
    task, made = setup
    found = coded(task, made, "valid")
    assert found.usage is None and found.order in ([0, 1], [1, 0])
    torch.testing.assert_close(decoded(made, found.codes), found.rows, rtol=1e-3, atol=1e-4)
    assert len(coded(task, made, "train", most=7).codes) == 7


def test_a_mixture_fits_heaps_better_and_its_rows_are_nearer_the_data(setup):
    task, made = setup
    train, valid = (coded(task, made, split) for split in ("train", "valid"))
    section = made_up(made, train, valid, seed=0)
    names = [row[0] for row in section.table["rows"]]
    assert names == ["one Gaussian, fitted", "10 Gaussians, fitted", "(rows of train)"]
    fits = [float(row[1]) for row in section.table["rows"][:2]]
    away = [float(row[2].replace(",", "")) for row in section.table["rows"]]
    assert fits[1] > fits[0] + 0.5
    assert away[1] < away[0] / 2 and abs(away[2]) < away[0] / 2
    one = torch.distributions.MultivariateNormal(
        train.codes.double().mean(0), torch.cov(train.codes.double().T, correction=0)
    )
    assert fits[0] == pytest.approx(float(one.log_prob(valid.codes.double()).mean()), rel=1e-3)
    assert [strip["title"] for strip in section.strips] == [f"Drawn from {n}" for n in names[:2]]


def test_codes_on_a_line_have_no_gaussian_and_the_prior_is_there_for_posteriors():
    line = torch.linspace(-1, 1, 30)[:, None] * torch.tensor([[1.0, 0.0]])
    assert list(densities(Coded(line, line), seed=0)) == []
    posterior = usage(line, torch.zeros(30, 2))
    (name,) = densities(Coded(line, line, posterior), seed=0)
    assert name.startswith("the prior")
    assert Coded(line, line, posterior).order == [0]
