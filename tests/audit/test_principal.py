"""Principal components against the singular values of the centred rows."""

import numpy as np
import pytest

from tilth.audit.principal import principal


@pytest.mark.parametrize(("count", "width"), [(30, 5), (6, 40)], ids=["tall", "wide"])
def test_principal_components_are_those_of_the_singular_values(count, width):
    rows = np.random.default_rng(0).normal(size=(count, width)) * np.arange(1, width + 1) + 3
    points, shares = principal(rows, 2)
    left, values, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    signs = np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(1)])
    np.testing.assert_allclose(points, (left * values)[:, :2] * signs, atol=1e-8)
    np.testing.assert_allclose(shares, (values**2 / (values**2).sum())[:2])
