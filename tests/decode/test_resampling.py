import numpy as np
import pytest
import torch

from tilth.decode.resampling import effective_rows, resampling_weights
from tilth.errors import UserError


def by_hand(codes, alpha, bins):
    """The product written out, with NumPy's histograms."""
    found = np.ones(len(codes))
    for latent in codes.T:
        counts, edges = np.histogram(latent, bins=bins)
        place = np.clip(np.searchsorted(edges, latent, side="right") - 1, 0, bins - 1)
        found /= counts[place] / len(latent) + alpha
    return found / found.sum()


@pytest.mark.parametrize(("alpha", "bins"), [(0.1, 10), (0.01, 7), (3.0, 1)])
def test_weights_are_the_product_over_latents(alpha, bins):
    codes = np.random.default_rng(0).normal(size=(300, 4)) * [1, 50, 0.01, 3]
    found = resampling_weights(torch.from_numpy(codes), alpha=alpha, bins=bins)
    np.testing.assert_allclose(found, by_hand(codes, alpha, bins), rtol=1e-9)


def test_a_large_alpha_gives_equal_chances_and_a_small_one_evens_out_the_bins():
    codes = torch.cat([torch.zeros(90, 1), torch.ones(10, 1)])
    np.testing.assert_allclose(resampling_weights(codes, alpha=1e9), 0.01, rtol=1e-6)
    evened = resampling_weights(codes, alpha=1e-9)
    assert float(evened[90:].sum()) == pytest.approx(0.5, abs=1e-6)


def test_a_latent_that_never_varies_changes_nothing():
    codes = torch.randn(50, 2)
    with_idle = torch.cat([codes, torch.full((50, 1), 7.0)], dim=1)
    torch.testing.assert_close(resampling_weights(codes), resampling_weights(with_idle))


def test_many_latents_do_not_underflow():
    found = resampling_weights(torch.randn(100, 400), alpha=1e-3)
    assert torch.isfinite(found).all() and float(found.sum()) == pytest.approx(1)


def test_effective_rows_of_equal_chances_are_all_rows():
    assert effective_rows(torch.full((40,), 1 / 40)) == pytest.approx(40)
    assert effective_rows(torch.tensor([1.0, 0.0, 0.0])) == 1


@pytest.mark.parametrize("given", [{"alpha": 0.0}, {"alpha": float("nan")}, {"bins": 0}])
def test_what_cannot_be_is_refused(given):
    with pytest.raises(UserError, match=next(iter(given))):
        resampling_weights(torch.randn(5, 2), **given)
