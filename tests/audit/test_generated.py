"""Scores of generated rows: each is that of its own file, beside the hash of the feature net."""

import pytest
import torch

from tilth.audit.coverage import coverage
from tilth.audit.frechet import frechet_distance
from tilth.audit.generated import generated_scores
from tilth.audit.kernel_distance import kernel_distance
from tilth.models.two_conv import two_conv
from tilth.nn.features import fingerprint


def net(seed=0):
    torch.manual_seed(seed)
    return two_conv(channels=1, size=8, outputs=3, width=4, hidden=8).body


def pictures(rows, level, seed):
    return torch.randn(rows, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) + level


def test_scores_are_those_of_their_files():
    body, real, made = net(), pictures(500, 0.0, 0), pictures(400, 0.5, 1)
    found = generated_scores(body, real, made)
    with torch.no_grad():
        sets = [body(rows[:400]).double().numpy() for rows in (real, made)]
    assert found.rows == 400
    assert found.frechet == pytest.approx(frechet_distance(*sets), rel=1e-6)
    assert (found.kernel, found.kernel_error) == pytest.approx(kernel_distance(*sets), rel=1e-6)
    assert (found.precision, found.recall) == coverage(*sets)
    assert "not comparable with Inception FID" in found.note
    assert found.feature_net == fingerprint(body)


def test_nearer_rows_score_better():
    body, real = net(), pictures(500, 0.0, 0)
    same, near, far = (
        generated_scores(body, real, pictures(500, level, 1)) for level in (0, 0.3, 3)
    )
    assert same.frechet < near.frechet < far.frechet
    assert abs(same.kernel) < 3 * same.kernel_error and near.kernel < far.kernel
    assert same.precision > far.precision
    assert not same.collapse.found


def test_a_collapse_is_looked_for_where_there_are_rows_enough():
    body, real, made = net(), pictures(220, 0.0, 0), pictures(220, 0.0, 1)
    assert generated_scores(body, real, made).collapse is not None
    assert generated_scores(body, real[:199], made).collapse is None
