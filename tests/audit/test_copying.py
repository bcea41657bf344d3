"""Copies of training rows, against scikit-learn's neighbours and generators that are rigged."""

import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from tilth.audit.copying import Copying, nearest
from tilth.errors import UserError

STREAM = torch.Generator().manual_seed(0)
TRAIN, TEST, FRESH = (torch.randn(300, 1, 4, 4, generator=STREAM) for _ in range(3))


def test_neighbours_are_those_of_scikit_learn():
    found = nearest(TEST, TRAIN.split(70))
    fitted = NearestNeighbors(n_neighbors=2).fit(TRAIN.flatten(1).numpy())
    distances, places = fitted.kneighbors(TEST.flatten(1).numpy())
    assert found.places.tolist() == places[:, 0].tolist()
    assert torch.allclose(found.distances, torch.from_numpy(distances).float(), atol=1e-4)


def test_a_generator_that_gives_rows_back_is_found_and_a_fresh_one_is_not():
    real = nearest(TEST, [TRAIN]).copies()
    for made, wanted in ((TRAIN + 0.01, True), (FRESH, False)):
        found = Copying(nearest(made, [TRAIN]).copies(), real)
        assert found.found is wanted
        assert ("gives training rows back" in found.line()) is wanted
    half = torch.cat([TRAIN[:100], FRESH[:200]])
    assert nearest(half, [TRAIN]).copies() == pytest.approx(1 / 3, abs=0.02)


def test_points_that_lie_near_by_chance_are_no_copies():
    """In the plane, one point in nine: the area of a circle of a third of the radius."""
    train, test, made = (torch.rand(4000, 2, generator=STREAM) for _ in range(3))
    shares = [nearest(rows, train.split(1000)).copies() for rows in (made, test)]
    assert shares[0] == pytest.approx(1 / 9, abs=0.02)
    assert not Copying(*shares).found


def test_one_training_row_is_too_few():
    with pytest.raises(UserError, match="1 training rows"):
        nearest(TEST, [TRAIN[:1]])
