"""Points in pictures: errors against loops, and the whole flow."""

import functools

import numpy as np
import pytest
import torch

import tilth as tl
from tilth.data.dataset import Target
from tilth.errors import UserError
from tilth.tasks._training import outputs
from tilth.tasks.keypoints import CLOSE, keypoints, place_scores

FACE = Target("points", "points", ("nose", "chin"), scale=2.0)


def case():
    """Return a target, encoded targets and the outputs of a net that knows them."""
    targets = 1.6 * torch.rand(60, 2, 2, generator=torch.Generator().manual_seed(0)) - 0.8
    return FACE, targets, targets.flatten(1)


CASES = {"face": case}
"""What tests/contracts/test_tasks.py holds this task to."""


def corners(rows=120):
    """Return pictures of a bright box each, with its upper left and lower right corner pixel."""
    draw = np.random.default_rng(0)
    pixels, points = np.zeros((rows, 12, 16), dtype=np.uint8), np.zeros((rows, 2, 2))
    for row in range(rows):
        x, y = draw.integers(1, 9), draw.integers(1, 6)
        width, height = draw.integers(3, 6, 2)
        pixels[row, y : y + height, x : x + width] = 255
        points[row] = [[x, y], [x + width - 1, y + height - 1]]
    return pixels, points


def data_of(rows=120):
    return tl.arrays(*corners(rows), task="keypoints")


LEARNER = functools.partial(tl.Learner, data_of(), model_arguments={"width": 8}, epochs=2)


def test_the_error_is_the_mean_distance_over_the_root_of_the_box():
    """In px of pictures of 40 x 20, one row after the other."""
    draw = np.random.default_rng(1)
    said, true = draw.uniform(-1, 1, (2, 30, 5, 2))
    true[3, 1] = np.nan
    found = place_scores(said, true, aspect=2.0)
    half = np.array([20.0, 10.0])
    for row in range(30):
        there = [k for k in range(5) if np.isfinite(true[row, k]).all()]
        points = np.array([true[row, k] * half for k in there])
        gaps = [np.hypot(*((said[row, k] - true[row, k]) * half)) for k in there]
        width, height = points.max(axis=0) - points.min(axis=0)
        size = np.sqrt(max(width, height / 4) * max(height, width / 4))
        assert found[row, 0] == pytest.approx(np.mean(gaps) / size)
        assert found[row, 1] == pytest.approx(np.mean([gap <= CLOSE * size for gap in gaps]))


@pytest.mark.parametrize("turned", [False, True])
def test_points_in_a_row_are_of_a_quarter_of_its_length_in_height(turned):
    """Two eyes 40 px apart in a picture of 100 px, said 5 px off: no jump where they are level."""
    height = np.array([0.0, 1e-9, 1.0, 9.0, 10.0, 11.0, 40.0])
    true = np.zeros((len(height), 2, 2))
    true[:, 1] = np.stack([np.full(len(height), 40.0), height], axis=1)
    said = true + np.array([3.0, 4.0])
    if turned:
        true, said = true[..., ::-1], said[..., ::-1]
    found = place_scores(said / 50, true / 50, aspect=1.0)[:, 0]
    sizes = np.sqrt(40 * np.array([10.0, 10.0, 10.0, 10.0, 10.0, 11.0, 40.0]))
    np.testing.assert_allclose(found, 5 / sizes)


def test_of_one_point_the_error_is_a_share_of_the_picture():
    true = np.array([[[0.0, 0.0], [np.nan, np.nan]]])
    found = place_scores(np.nan_to_num(true) + np.array([0.5, 0.0]), true, aspect=1.0)
    assert found[0, 0] == pytest.approx(0.25) and found[0, 1] == 0.0


def test_pictures_without_a_point_are_set_aside_and_the_others_judged(tmp_path):
    pixels, points = corners()
    points[::3] = np.nan
    points[1, 0] = np.nan  # one of two is there
    data = tl.arrays(pixels, points, task="keypoints")
    shown = sorted(int(row) for rows in data.splits.values() for row in rows)
    assert shown == [row for row in range(120) if row % 3]
    assert {bad.item for bad in data.bad_items} == {f"row {row}" for row in range(0, 120, 3)}
    assert {bad.reason for bad in data.bad_items} == {"it has no point"}
    assert "40 pictures are left out for having no point" in data.notes
    learn = functools.partial(tl.Learner, data, model_arguments={"width": 8}, quiet=True)
    run = learn(run=tmp_path / "run", epochs=1).fit(lr=0.001)
    found, rows = outputs(run.learner.setup(), "test"), data.splits["test"]
    said = found.outputs.double().numpy().reshape(-1, 2, 2) * [8, 6]
    true = (points[rows] + 0.5) - [8, 6]
    assert np.isfinite(true).all()
    size = np.sqrt(np.prod(true[:, 1] - true[:, 0], axis=1))
    theirs = (np.linalg.norm(said - true, axis=2).mean(axis=1) / size).mean()
    scores = run.learner.validate("test")
    assert scores["test/nme"] == pytest.approx(theirs, rel=1e-4)
    off = np.abs(said - true) / [8, 6]
    assert scores["test/loss"] == pytest.approx(off.mean(), rel=1e-4)
    audit = run.audit()
    assert audit["test"]["nme"]["value"] == pytest.approx(theirs, rel=1e-4)
    assert audit["test_count"] == audit["test_rows"]["count"] == len(rows)


@pytest.mark.parametrize("empty", ["valid", "test"])
def test_a_split_without_any_point_is_told_before_training(empty):
    pixels, points = corners(60)
    splits = {"train": np.arange(40), "valid": np.arange(40, 50), "test": np.arange(50, 60)}
    points[splits[empty]] = np.nan
    with pytest.raises(UserError, match=f"every picture of {empty}.* has no point; .*Fix: look at"):
        tl.arrays(pixels, points, task="keypoints", splits=splits)


def test_a_point_that_is_not_there_teaches_nothing():
    task = keypoints(target=FACE)
    outputs = torch.randn(1, 4, requires_grad=True)
    targets = torch.tensor([[[0.1, 0.2], [np.nan, np.nan]]])
    losses = task.row_losses(outputs, targets)
    wanted = (outputs[0, :2].detach() - targets[0, 0]).abs().mean()
    assert float(losses.detach()) == pytest.approx(float(wanted))
    losses.sum().backward()
    assert outputs.grad[0, 2:].abs().sum() == 0 < outputs.grad[0, :2].abs().min()


def test_points_are_not_flipped_unless_it_is_asked_for():
    assert not data_of().augment.flip
    big = tl.arrays(np.zeros((40, 80, 80), dtype=np.uint8), np.zeros((40, 1, 2)), task="keypoints")
    (said,) = (note for note in big.notes if "no flip" in note)
    assert not big.augment.flip and said.count("flip") == 1, said


def test_a_run_finds_points_and_its_bundle_gives_them_in_px(tmp_path):
    learn = functools.partial(tl.Learner, data_of(800), quiet=True, run=tmp_path / "run")
    run = learn(epochs=12, batch_size=32, dtype="float32").fit()
    found = run.audit()
    by_name = {one["name"]: one["metrics"]["nme"]["value"] for one in found["baselines"]}
    assert found["test"]["nme"]["value"] < 0.5 * by_name["mean"]
    predictor = tl.load(run.export())
    assert predictor.labels == ("0", "1")
    data, (pixels, points) = run.learner.data, corners(800)
    test = data.splits["test"]
    answers = predictor.predict(list(pixels[test]))
    said = np.array([[one.points[name] for name in predictor.labels] for one in answers])
    gaps = np.linalg.norm(said - points[test], axis=2)
    size = np.sqrt(np.prod(points[test, 1] - points[test, 0], axis=1))
    error = (gaps.mean(axis=1) / size).mean()
    assert error == pytest.approx(found["test"]["nme"]["value"], rel=1e-4)
    worst = found["sections"][0]["strips"][1]["shown"][0]["caption"]
    farthest = (gaps.mean(axis=1) / size).argmax()
    assert worst.startswith(f"{data.item_id(int(test[farthest]))}, error ")
    large = pixels[test[0]].repeat(2, axis=0).repeat(2, axis=1)
    small = data.preprocessor.pixels([large])[0, 0].numpy()  # what the net sees of it
    there, wanted = (
        np.array(list(predictor.predict(one).points.values())) for one in (large, small)
    )
    assert np.allclose(there, 2 * wanted + 0.5)  # the middle of two pixels
