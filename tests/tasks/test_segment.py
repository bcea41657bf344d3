"""A class for every pixel: counts and scores against scikit-learn, and the whole flow."""

import functools

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score, jaccard_score
from torch import nn

import tilth as tl
from tilth.data.mask_decoder import VOID
from tilth.errors import UserError
from tilth.tasks.segment import as_counts, count, mean_dice, mean_iou, pixel_accuracy


def boxes(rows=60):
    """Return pictures of a light and a dark box each on grey, and what is where: 1, 2 or 0."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(100, 150, (rows, 16, 20)).astype(np.uint8)
    masks = np.zeros((rows, 16, 20), dtype=np.uint8)
    for row in range(rows):
        for kind, tone in ((1, 230), (2, 20)):
            y, x = draw.integers(0, 11), draw.integers(0, 15)
            pixels[row, y : y + 5, x : x + 5] = tone
            masks[row, y : y + 5, x : x + 5] = kind
    masks[:, 0, :] = VOID
    return pixels, masks


def data_of(rows=60):
    return tl.arrays(*boxes(rows), task="segment")


LEARNER = functools.partial(tl.Learner, data_of(), model_arguments={"width": 4}, epochs=2)


def test_scores_are_scikit_learn_s_over_all_pixels_that_are_not_void():
    draw = np.random.default_rng(1)
    said, true = (draw.integers(0, 4, (6, 9, 7)).astype(np.uint8) for _ in range(2))
    true[draw.random(true.shape) < 0.2] = VOID
    counts = count(torch.from_numpy(said), torch.from_numpy(true), 5)  # the fifth is nowhere
    known = true != VOID
    flat = {"y_true": true[known], "y_pred": said[known], "average": "macro"}
    assert mean_iou(counts) == pytest.approx(jaccard_score(**flat))
    assert mean_dice(counts) == pytest.approx(f1_score(**flat))
    assert pixel_accuracy(counts) == pytest.approx((said == true)[known].mean())
    again = as_counts(np.concatenate(counts, axis=1))
    assert all(np.array_equal(one, other) for one, other in zip(counts, again, strict=True))


def test_the_net_beats_colour_and_place_and_its_bundle_gives_the_masks(tmp_path):
    learn = functools.partial(tl.Learner, data_of(160), quiet=True, run=tmp_path / "run")
    run = learn(epochs=6, model_arguments={"width": 8}).fit()
    found = run.audit()
    assert found["test"]["iou"]["value"] > 0.8
    others = {one["name"]: one["metrics"]["pixels"]["value"] for one in found["baselines"]}
    assert others["majority"] == pytest.approx(
        (boxes(160)[1][run.learner.data.splits["test"], 1:] == 0).mean()
    )
    model = tl.load(run.export())
    assert model.labels == ("0", "1", "2")
    pixels, masks = boxes(160)
    test = run.learner.data.splits["test"]
    said = np.stack([np.asarray(model.apply(one)) for one in pixels[test]])
    counts = count(torch.from_numpy(said), torch.from_numpy(masks[test]), 3)
    assert mean_iou(counts) == pytest.approx(found["test"]["iou"]["value"], abs=0.02)


def test_masks_that_are_void_all_over_are_left_out_and_one_in_a_batch_ends_nothing(tmp_path):
    pixels, masks = boxes(60)
    masks[[3, 40]] = VOID
    data = tl.arrays(pixels, masks, task="segment")
    assert not {3, 40} & {int(row) for rows in data.splits.values() for row in rows}
    assert [bad.item for bad in data.bad_items] == ["row 3", "row 40"]
    assert any(note.startswith("2 pictures are left out for having a mask") for note in data.notes)
    # a mask that is moved may show nothing else
    data.partners.raw[torch.from_numpy(data.splits["train"][:8])] = VOID
    run = tl.Learner(
        data, model_arguments={"width": 4}, epochs=1, batch_size=1, quiet=True, run=tmp_path / "run"
    ).fit(lr=0.001)
    assert np.isfinite(run.metrics[-1]["train/loss"])


def test_masks_of_which_none_says_anything_in_a_split_are_told():
    pixels, masks = boxes(60)
    masks[40:] = VOID
    splits = {"train": np.arange(40), "valid": np.arange(40, 50), "test": np.arange(50, 60)}
    with pytest.raises(UserError, match="every picture of valid, test has a mask"):
        tl.arrays(pixels, masks, task="segment", splits=splits)


@pytest.mark.parametrize(
    ("names", "void", "values"),
    [
        (("void", "sky", "road"), ("void",), (1, 2, 0)),
        (("sky", "void", "road"), ("void",), (0, 2, 1)),
        ((), (), (3, 255, 254)),
        ((), ("7",), (3, 255, 7)),
    ],
)
def test_masks_have_the_values_of_those_that_were_learned_from(tmp_path, names, void, values):
    draw = np.random.default_rng(0)
    first, second, nothing = values
    for number in range(24):
        pixels = draw.integers(0, 255, (12, 24)).astype(np.uint8)
        mask = np.where(pixels > 127, second, first).astype(np.uint8)
        if void:
            mask[0] = nothing
        for folder, what in (("seen", pixels), ("masks", mask)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(what).save(tmp_path / folder / f"{number}.png")
    data = tl.images(
        tmp_path / "seen", masks=tmp_path / "masks", names=names, void=void, size=12, fit="crop"
    )
    learn = tl.Learner(data, model_arguments={"width": 4}, quiet=True, run=tmp_path / "run")
    run = learn.fit(1, lr=0.001)
    model = tl.load(run.export())
    assert model.values == values and len(model.labels) == 2
    answer = model.apply(tmp_path / "seen" / "0.png")
    inputs = data.preprocessor([tmp_path / "seen" / "0.png"])
    with torch.inference_mode():
        said = learn.model.eval().cpu()(inputs).argmax(dim=1)[0].numpy()
    found = np.asarray(answer)
    assert np.array_equal(found[:, 6:18], np.array([first, second])[said])
    assert (found[:, :6] == nothing).all() and (found[:, 18:] == nothing).all()
    seen = np.asarray(answer.convert("RGB"))
    assert (seen[:, :6] == 0).all() and (seen[:, 6:18].max(axis=2) > 0).all()


def test_a_model_that_gives_no_mask_is_refused():
    with pytest.raises(UserError, match=r"3 classes of each pixel need the shape \[2, 3, 16, 20\]"):
        tl.Learner(data_of(), nn.Sequential(nn.Flatten(), nn.Linear(320, 3)), quiet=True).fit(1)


def test_pictures_without_masks_are_refused():
    with pytest.raises(UserError, match=r"which has no masks.*--masks"):
        tl.Learner(tl.arrays(boxes()[0], np.arange(60) % 2), task="segment")


@pytest.mark.parametrize(
    ("masks", "told"),
    [
        (np.zeros((60, 16, 20), dtype=np.uint8), "masks of 1 class"),
        (np.zeros((60, 4, 20), dtype=np.uint8) + np.arange(20, dtype=np.uint8) % 2, "as large as"),
        (np.zeros((60, 16)), r"masks of float64 \(60, 16\)"),
    ],
)
def test_masks_that_cannot_be_are_told(masks, told):
    with pytest.raises(UserError, match=told):
        tl.arrays(boxes()[0], masks, task="segment")
