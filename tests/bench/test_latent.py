"""The bars of the latent models on digits, on a split that the numbers were not chosen by."""

import pytest

from bench.latent import ae, bound, denoise

pytestmark = pytest.mark.slow
SEED = 1


def test_an_autoencoder_halves_the_error_of_pca():
    found = ae(SEED)
    assert 0.023 < found["PCA"] < 0.025
    assert found["error"] <= 0.0130
    assert found["log-density by ten"] > found["log-density by one Gaussian"] + 1
    assert found["distance by ten"] < found["distance by one Gaussian"]
    assert found["middle by codes"] < found["middle by pixels"]


def test_a_denoiser_beats_the_best_linear_filter():
    found = denoise(SEED)
    assert 0.022 < found["best linear filter"] < 0.025
    assert found["error"] <= 0.019


def test_a_variational_autoencoder_beats_probabilistic_pca():
    found = bound(SEED)
    assert 13 < found["probabilistic PCA"] < 15
    assert 22 <= found["bound"] <= found["of 100 draws"]
    assert found["active"] == 8 and not found["collapsed"]


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_divergence_falls_as_its_weight_grows(likelihood):
    found = [bound(SEED, beta, likelihood)["divergence"] for beta in (1.0, 2.0, 4.0)]
    assert found == sorted(found, reverse=True)
