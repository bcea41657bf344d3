import numpy as np
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from tilth.decode.latent_density import gaussian_density, mixture_density


def two_heaps(count=400):
    """Return codes around (-3, 0) and (3, 1), three in four of them around the second."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(count, 2, generator=generator) * torch.tensor([0.5, 1.0])
    second = torch.arange(count) % 4 > 0
    return codes + torch.where(second[:, None], torch.tensor([3.0, 1.0]), torch.tensor([-3.0, 0.0]))


def test_one_gaussian_has_the_moments_of_the_codes():
    codes = two_heaps()
    found, array = gaussian_density(codes), codes.double().numpy()
    np.testing.assert_allclose(found.means[0], array.mean(0), atol=1e-12)
    np.testing.assert_allclose(found.covariances[0], np.cov(array.T, ddof=0), atol=1e-12)
    wanted = multivariate_normal(array.mean(0), np.cov(array.T, ddof=0)).logpdf(array)
    np.testing.assert_allclose(found.log_density(codes), wanted, atol=1e-10)


def test_a_mixture_is_that_of_scikit_learn():
    codes = two_heaps()
    found = mixture_density(codes, parts=2, seed=1)
    wanted = GaussianMixture(2, random_state=1).fit(codes.double().numpy())
    np.testing.assert_allclose(
        found.log_density(codes), wanted.score_samples(codes.double().numpy()), atol=1e-10
    )
    assert sorted(round(weight, 2) for weight in found.weights.tolist()) == [0.25, 0.75]


def test_draws_have_the_moments_of_the_density():
    """Within four standard errors; a mixture's covariance is that within plus that between."""
    for density in (gaussian_density(two_heaps()), mixture_density(two_heaps(), parts=2)):
        draws = density.sample(40_000, torch.Generator().manual_seed(3)).double()
        mean = density.weights @ density.means
        apart = density.means - mean
        spread = (density.weights[:, None, None] * density.covariances).sum(0)
        spread += (density.weights[:, None, None] * apart[:, :, None] * apart[:, None]).sum(0)
        error = (spread.diagonal() / len(draws)).sqrt()
        assert ((draws.mean(0) - mean).abs() < 4 * error).all()
        np.testing.assert_allclose(torch.cov(draws.T), spread, atol=4 * 9 * (2 / len(draws)) ** 0.5)


def test_draws_of_a_mixture_come_from_its_parts_by_their_weights():
    draws = mixture_density(two_heaps(), parts=2).sample(8000, torch.Generator().manual_seed(0))
    share = (draws[:, 0] > 0).double().mean().item()
    assert abs(share - 0.75) < 4 * (0.75 * 0.25 / 8000) ** 0.5
    assert ((draws[:, 0].abs() - 3).abs() < 2.5).all()  # none between the heaps
    again = mixture_density(two_heaps(), parts=2).sample(8000, torch.Generator().manual_seed(0))
    assert torch.equal(draws, again)


def test_a_mixture_says_more_of_new_codes_in_heaps_than_one_gaussian():
    codes = two_heaps(800)
    learned, new = codes[::2], codes[1::2]
    gain = mixture_density(learned, parts=2).log_density(new).mean()
    gain -= gaussian_density(learned).log_density(new).mean()
    assert gain > 0.3
