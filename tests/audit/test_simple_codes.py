import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.distributions import Bernoulli

from tilth.audit.simple_codes import independent_numbers, principal_components
from tilth.tasks.autoencode import autoencode
from tilth.tasks.variational import variational

STREAM = torch.Generator().manual_seed(0)
ROWS = torch.rand(60, 1, 3, 4, generator=STREAM)
TRAIN, TEST = ROWS[:40], ROWS[40:]


def test_pca_in_the_measure_of_each_task():
    known, flat = (rows.flatten(1).double().numpy() for rows in (TRAIN, TEST))
    fitted = PCA(3, random_state=0).fit(known)
    left = ((fitted.inverse_transform(fitted.transform(flat)) - flat) ** 2).mean(1)
    found = principal_components(autoencode(), TRAIN, TEST, 3)
    np.testing.assert_allclose(found.values[:, 0], left)
    found = principal_components(variational(), TRAIN, TEST, 3)
    np.testing.assert_allclose(found.values[:, 0], fitted.score_samples(flat))
    assert np.isnan(found.values[:, 1:]).all() and found.what.startswith("probabilistic PCA")


@pytest.mark.parametrize("latents", [12, 40])
def test_as_many_components_as_numbers_are_no_simple_way(latents):
    assert principal_components(autoencode(), TRAIN, TEST, latents) is None


def test_independent_numbers_are_bernoulli_with_their_means():
    train, test = (rows.round() for rows in (TRAIN, TEST))
    chance = (train.flatten(1).double().sum(0) + 1) / 42
    wanted = Bernoulli(chance).log_prob(test.flatten(1).double()).sum(1)
    found = independent_numbers(variational(), train, test)
    np.testing.assert_allclose(found.values[:, 0], wanted, rtol=1e-6)
    always = torch.ones(5, 1, 1, 2)
    assert np.isfinite(independent_numbers(variational(), always, 1 - always).values[:, 0]).all()
