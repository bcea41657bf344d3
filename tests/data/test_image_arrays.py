from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tests.data.pictures import noise
from tests.data.test_idx import idx_bytes
from tilth.data.image_data import image_arrays, read_images
from tilth.errors import UserError

PIXELS = np.stack([noise(8, 6, seed=seed) for seed in range(20)])
LABELS = np.arange(20) % 2


@pytest.mark.parametrize(
    "images",
    [
        PIXELS,
        np.moveaxis(PIXELS, -1, 1),
        torch.from_numpy(PIXELS),
        torch.from_numpy(PIXELS).movedim(-1, 1),
        PIXELS.astype(np.int64),
        PIXELS / 255.0,
        (PIXELS / 255).astype(np.float32),
        PIXELS.astype(np.uint16) * 257,
    ],
)
def test_layouts_and_types_of_the_same_pixels_give_the_same(images: object):
    data = image_arrays(images, LABELS)  # type: ignore[arg-type]
    taken = data.store.take(torch.arange(20))
    assert taken.dtype == torch.uint8
    assert np.array_equal(taken.movedim(1, -1).numpy(), PIXELS)
    assert data.model_arguments() == {"channels": 3, "size": [8, 6]}
    assert data.targets.tolist() == LABELS.tolist()


def test_prediction_does_to_arrays_what_evaluation_did():
    generator = np.random.default_rng(0)
    for images in (
        PIXELS,
        PIXELS[:, :, :, 0],
        PIXELS / 255,
        generator.random((20, 8, 6)),
        generator.normal(size=(20, 8, 6, 3)),
    ):
        data = image_arrays(images, LABELS)
        rows = torch.arange(20)
        evaluated = data.prepare(train=False)(data.store.take(rows), rows, 0)
        assert torch.equal(data.preprocessor(images), evaluated)
        assert torch.equal(data.preprocessor(list(images)), evaluated)


def test_floats_are_kept_and_their_range_is_that_of_the_training_rows():
    images = np.random.default_rng(0).normal(size=(20, 4, 4)).astype(np.float32)
    data = image_arrays(images, LABELS)
    assert np.array_equal(data.store.take(torch.arange(20))[:, 0].numpy(), images)
    train = images[data.splits["train"]]
    assert data.preprocessor.value_range == (train.min(), train.max())
    assert data.preprocessor.mean == pytest.approx([train.astype(float).mean()])
    assert any("pixels are floats from" in note for note in data.notes)
    assert len(data.show_item(0)["png"]) > 0


def test_floats_between_0_and_1_that_are_not_bytes_stay_floats():
    images = np.random.default_rng(0).random((20, 4, 4))
    data = image_arrays(images, LABELS)
    assert data.store.take(torch.arange(1)).dtype == torch.float32
    assert data.preprocessor.value_range == (0.0, 1.0)


def test_labels_of_every_kind():
    for labels, names in (
        (LABELS, ("0", "1")),
        (torch.from_numpy(LABELS), ("0", "1")),
        (LABELS.astype(float), ("0", "1")),
        (["b", "a"] * 10, ("a", "b")),
        (np.array(["b", "a"] * 10), ("a", "b")),
        (LABELS == 1, ("False", "True")),
    ):
        data = image_arrays(PIXELS, labels)  # type: ignore[arg-type]
        assert data.target.labels == names
        assert len(set(data.targets.tolist())) == 2


def test_numbers_are_standardised_with_the_training_rows():
    numbers = np.linspace(10, 20, 20)
    data = image_arrays(PIXELS, numbers)
    assert data.target.kind == "number"
    train = numbers[data.splits["train"]]
    expected = (numbers - train.mean()) / train.std()
    np.testing.assert_allclose(data.targets.numpy(), expected, atol=1e-6)
    assert image_arrays(PIXELS, LABELS, task="regress").target.kind == "number"
    assert image_arrays(PIXELS, numbers, task="classify").target.kind == "classes"
    other = data.with_splits(
        {name: np.roll(rows, 1) for name, rows in data.splits.items()} | {"train": np.arange(7)}
    )
    expected = (numbers - numbers[:7].mean()) / numbers[:7].std()
    np.testing.assert_allclose(other.targets.numpy(), expected, atol=1e-6)
    assert not [f for f in data.findings() if f.code in ("one_class", "tiny_class")]


def test_splits_given():
    data = image_arrays(PIXELS, LABELS, splits={"train": range(15), "test": range(15, 20)})
    assert data.splits["test"].tolist() == [15, 16, 17, 18, 19]
    assert sorted(np.concatenate(list(data.splits.values())).tolist()) == list(range(20))
    assert len(data.splits["valid"]) > 0


def test_another_size():
    data = image_arrays(PIXELS, LABELS, size=4)
    assert data.model_arguments() == {"channels": 3, "size": 4}
    taken = data.store.take(torch.arange(20))
    assert torch.equal(taken, data.preprocessor.pixels(PIXELS))


def test_transparency_is_laid_on_white():
    layer = np.concatenate([PIXELS, np.zeros((20, 8, 6, 1), dtype=np.uint8)], axis=3)
    assert (image_arrays(layer, LABELS).store.take(torch.arange(20)) == 255).all()


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (PIXELS, LABELS[:5], "20 pictures and 5 labels"),
        (PIXELS[:0], LABELS[:0], "0 pictures"),
        (PIXELS[0, 0], LABELS, r"\[N, H, W\]"),
        (PIXELS, np.eye(20), r"labels.argmax\(1\)"),
        (PIXELS.astype(int) - 9, LABELS, "0..255"),
        (np.where(PIXELS > 250, np.nan, 0.5), LABELS, "not finite, the first in row"),
        (PIXELS, np.full(20, np.nan), "20 labels are not finite"),
    ],
)
def test_mistakes(images: np.ndarray, labels: np.ndarray, message: str):
    with pytest.raises(UserError, match=message):
        image_arrays(images, labels)


def test_mistakes_in_splits():
    with pytest.raises(UserError, match=r"unknown split 'tset'.*did you mean 'test'"):
        image_arrays(PIXELS, LABELS, splits={"train": [0, 1], "tset": [2]})
    with pytest.raises(UserError, match="row 20"):
        image_arrays(PIXELS, LABELS, splits={"train": [0, 20]})
    with pytest.raises(UserError, match="more than one split"):
        image_arrays(PIXELS, LABELS, splits={"train": [0, 1], "test": [1]})
    with pytest.raises(UserError, match="no training picture has"):
        image_arrays(PIXELS, LABELS, splits={"train": range(0, 20, 2), "test": [1, 3]})
    with pytest.raises(UserError, match="unknown task"):
        image_arrays(PIXELS, LABELS, task="guess")


def write_idx(folder: Path, stem: str, pixels: np.ndarray, labels: np.ndarray) -> None:
    (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(pixels, 0x08)))
    (folder / f"{stem}-labels-idx1-ubyte").write_bytes(idx_bytes(labels, 0x08))


def test_folder_of_idx_files(tmp_path: Path):
    grey = PIXELS[:, :, :, 0]
    write_idx(tmp_path, "train", grey, LABELS)
    write_idx(tmp_path, "t10k", grey[:6] + 1, LABELS[:6])
    data = read_images(tmp_path)
    assert data.name == tmp_path.name
    assert data.splits["test"].tolist() == [20, 21, 22, 23, 24, 25]
    assert np.array_equal(data.store.take(torch.arange(20))[:, 0].numpy(), grey)
    assert data.targets[20:].tolist() == LABELS[:6].tolist()
    assert "t10k-images-idx3-ubyte.gz (test)" in data.notes[0]


def test_one_pair_of_idx_files_is_split(tmp_path: Path):
    write_idx(tmp_path, "train", PIXELS[:, :, :, 0], LABELS)
    assert len(read_images(tmp_path, size=4).splits["test"]) > 0


def test_idx_files_that_do_not_match(tmp_path: Path):
    write_idx(tmp_path, "train", PIXELS[:, :, :, 0], LABELS[:7])
    with pytest.raises(UserError, match=r"20 pictures.*labels of shape"):
        read_images(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match="no file of labels beside it"):
        read_images(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    write_idx(tmp_path, "t10k", PIXELS[:, :, :, 0], LABELS)
    write_idx(tmp_path, "valid", PIXELS[:, :, :, 0], LABELS)
    with pytest.raises(UserError, match="no train pictures"):
        read_images(tmp_path)
    write_idx(tmp_path, "letters-train", PIXELS[:, :, :, 0], LABELS)
    write_idx(tmp_path, "digits-train", PIXELS[:, :, :, 0], LABELS)
    with pytest.raises(UserError, match="a folder holds one data set"):
        read_images(tmp_path)


def test_points_outside_of_arrays_are_not_there_as_with_files(tmp_path):
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 255, (40, 6, 8), dtype=np.uint8)
    points = draw.integers(-3, 11, (40, 2, 2)).astype(np.float32)
    points[:4] = [
        [[0, 0], [7, 5]],
        [[-0.5, 2], [7.49, 5.49]],
        [[-1, 0], [0, 6]],
        [[8, 1], [1, 5.5]],
    ]
    points[4, 0] = np.nan
    data = tl.arrays(pixels, points, task="keypoints")
    x, y = points[..., 0], points[..., 1]
    inside = (x >= -0.5) & (x < 7.5) & (y >= -0.5) & (y < 5.5)
    assert np.array_equal(data.targets.isfinite().all(-1).numpy(), inside)
    assert inside[:2].all() and not inside[2:4].any()
    assert np.array_equal(data.targets.numpy()[inside], points[inside])
    lines = ["file,a_x,a_y,b_x,b_y"]
    for row, places in enumerate(points):
        Image.fromarray(pixels[row]).save(tmp_path / f"{row:02}.png")
        lines.append(
            f"{row:02}.png," + ",".join("" if n != n else f"{n}" for n in places.flatten())
        )
    (tmp_path / "points.csv").write_text("\n".join(lines))
    files = tl.images(tmp_path, labels=tmp_path / "points.csv", task="keypoints")
    assert torch.equal(files.targets.isfinite(), data.targets.isfinite())
    told = f"{(~inside).sum() - 1} points lie outside"
    assert all(any(note.startswith(told) for note in one.notes) for one in (data, files))
