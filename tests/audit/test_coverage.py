"""Precision and recall against brute force, and on sets where both are known."""

import numpy as np
import pytest

from tilth.audit.coverage import coverage, radii
from tilth.errors import UserError


def by_brute_force(rows, others, neighbours):
    """Kynkaanniemi et al. 2019, equation 1, with loops."""
    inside = 0
    for row in rows:
        for place, other in enumerate(others):
            distances = sorted(
                float(np.linalg.norm(other - one)) for k, one in enumerate(others) if k != place
            )
            if np.linalg.norm(row - other) <= distances[neighbours - 1]:
                inside += 1
                break
    return inside / len(rows)


def test_by_brute_force():
    stream = np.random.default_rng(0)
    real, generated = stream.normal(size=(40, 3)), 0.6 * stream.normal(size=(30, 3)) + 0.4
    found = coverage(real, generated)
    assert found.precision == by_brute_force(generated, real, 3)
    assert found.recall == by_brute_force(real, generated, 3)
    assert found.precision > found.recall > 0


def test_a_dropped_mode_costs_recall_and_a_foreign_one_precision():
    stream = np.random.default_rng(1)
    left, right, far = (stream.normal(size=(500, 2)) + shift for shift in (0, 100, 1000))
    both = np.concatenate([left, right])
    dropped = coverage(both, stream.normal(size=(1000, 2)))
    assert dropped.precision > 0.95 and 0.45 < dropped.recall < 0.52
    foreign = coverage(both, np.concatenate([stream.normal(size=(500, 2)), far]))
    assert 0.45 < foreign.precision < 0.52


def test_chunks_change_nothing(monkeypatch):
    stream = np.random.default_rng(2)
    real, generated = stream.normal(size=(50, 4)), stream.normal(size=(60, 4))
    whole = coverage(real, generated), radii(real, 3)
    monkeypatch.setattr("tilth.audit.coverage._CHUNK", 7)
    assert coverage(real, generated) == whole[0]
    assert np.array_equal(radii(real, 3), whole[1])


def test_too_few_rows_are_refused():
    with pytest.raises(UserError, match="3 rows"):
        coverage(np.zeros((3, 2)), np.zeros((50, 2)))
