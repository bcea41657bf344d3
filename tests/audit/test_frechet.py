"""The Frechet distance against closed forms and another root of a matrix."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance

from tilth.audit.frechet import frechet_distance, gaussian_frechet
from tilth.errors import UserError

STREAM = np.random.default_rng(0)


def covariance(side):
    root = STREAM.normal(size=(side, side))
    return root @ root.T


def test_of_gaussians_on_a_line():
    """(m1 - m2)^2 + (s1 - s2)^2."""
    found = gaussian_frechet(
        np.array([1.0]), np.array([[4.0]]), np.array([-2.0]), np.array([[9.0]])
    )
    assert found == pytest.approx(3**2 + (2 - 3) ** 2)


def test_of_covariances_that_commute_it_is_the_distance_of_their_roots():
    vectors = np.linalg.qr(STREAM.normal(size=(6, 6)))[0]
    first, second = STREAM.uniform(0.1, 3, (2, 6))
    means = STREAM.normal(size=(2, 6))
    found = gaussian_frechet(
        means[0], vectors * first**2 @ vectors.T, means[1], vectors * second**2 @ vectors.T
    )
    wanted = np.square(means[0] - means[1]).sum() + np.square(first - second).sum()
    assert found == pytest.approx(wanted, rel=1e-9)


def test_of_any_covariances_by_the_root_of_their_product():
    first, second, means = covariance(8), covariance(8), STREAM.normal(size=(2, 8))
    root = sqrtm(first @ second).real
    wanted = np.square(means[0] - means[1]).sum() + np.trace(first + second - 2 * root)
    assert gaussian_frechet(means[0], first, means[1], second) == pytest.approx(wanted, rel=1e-8)


def test_of_samples_it_comes_near_the_closed_form_and_is_zero_for_the_same():
    first, second = covariance(4), covariance(4)
    draws = [
        np.random.default_rng(1).multivariate_normal(np.full(4, mean), cov, 200_000)
        for mean, cov in ((0.0, first), (1.0, second))
    ]
    wanted = gaussian_frechet(np.zeros(4), first, np.ones(4), second)
    assert frechet_distance(*draws) == pytest.approx(wanted, rel=0.02)
    assert frechet_distance(draws[0], draws[0]) == pytest.approx(0, abs=1e-9)
    line = [rows[:, :1] for rows in draws]
    assert (
        wasserstein_distance(*(rows[:, 0] for rows in line)) ** 2 <= frechet_distance(*line) * 1.01
    )


def test_singular_covariances_give_a_number():
    """Fewer rows than features, as with a wide feature net."""
    rows = STREAM.normal(size=(2, 10, 40))
    assert 0 < frechet_distance(rows[0], rows[1]) < 200
    with pytest.raises(UserError, match="1 generated rows"):
        frechet_distance(rows[0], rows[1][:1])
