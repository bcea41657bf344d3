from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.pictures import (
    animation,
    class_folders,
    encoded,
    noise,
    png_of_size,
    rotated_jpeg,
    write,
)
from tilth.data.augment import Augment
from tilth.data.dataset import as_they_are
from tilth.data.follow_moves import MovedMasks, MovedPoints
from tilth.data.image_data import ImageData, image_arrays, read_images
from tilth.data.image_prepare import ImagePrepare
from tilth.data.mix import mixing
from tilth.data.places import Places
from tilth.errors import UserError


def rows_of(data: ImageData, split: str) -> torch.Tensor:
    return torch.from_numpy(data.splits[split])


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Colour pictures of many kinds and sizes in two classes."""
    for i in range(12):
        pixels = noise(40 + i, 60 - i, seed=i)
        write(
            tmp_path,
            {
                f"cat/{i}.jpg": encoded(pixels, "JPEG"),
                f"cat/turned {i}.jpg": rotated_jpeg(noise(30, 50, seed=50 + i), i % 8 + 1),
                f"dog/{i}.png": encoded(noise(48, 48, 1, seed=100 + i)),
                f"dog/{i}.webp": encoded(noise(33, 47, seed=200 + i), "WEBP"),
            },
        )
    return tmp_path


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_prediction_does_to_files_what_evaluation_did(mixed: Path, resident: bool, fit: str):
    """No skew between training and serving: the same bits from the paths and from the store."""
    data = read_images(mixed, size=24, fit=fit, resident=resident)  # type: ignore[arg-type]
    rows = torch.arange(len(data.keys))
    evaluated = data.prepare(train=False)(data.store.take(rows), rows, 0)
    paths = [mixed / data.item_id(row) for row in range(len(rows))]
    assert torch.equal(data.preprocessor(paths), evaluated)
    again = type(data.preprocessor).from_config(data.preprocessor.to_config())
    assert torch.equal(again(paths), evaluated)
    for row in (0, 17, 30):
        assert torch.equal(data.preprocessor(paths[row])[0], evaluated[row])


def test_in_memory_and_decoded_when_needed_are_the_same(mixed: Path):
    held, streamed = (read_images(mixed, resident=resident) for resident in (True, False))
    rows = torch.arange(len(held.keys))
    assert torch.equal(held.store.take(rows), streamed.store.take(rows))
    assert held.fingerprint() == streamed.fingerprint()
    assert held.preprocessor == streamed.preprocessor
    for name in held.splits:
        assert np.array_equal(held.splits[name], streamed.splits[name])
    for train in (True, False):
        raw = held.store.take(rows)
        assert torch.equal(
            held.prepare(train=train)(raw, rows, 3), streamed.prepare(train=train)(raw, rows, 3)
        )


def test_mean_and_deviation_are_of_the_training_rows(mixed: Path):
    data = read_images(mixed)
    values = data.store.take(rows_of(data, "train")).numpy().astype(np.float64)
    assert data.preprocessor.mean == pytest.approx(values.mean(axis=(0, 2, 3)))
    assert data.preprocessor.std == pytest.approx(values.std(axis=(0, 2, 3)))
    ready = data.prepare(train=False)(
        data.store.take(rows_of(data, "train")), rows_of(data, "train"), 0
    )
    assert ready.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (ready.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3


def test_augmentation_is_for_training_only(mixed: Path):
    data = read_images(mixed, augment=Augment(flip=True, rotate_degrees=0, zoom=1, warp=0, light=0))
    rows = rows_of(data, "train")
    raw = data.store.take(rows)
    plain = data.prepare(train=False)(raw, rows, 0)
    changed = data.prepare(train=True, seed=1)(raw, rows, 0)
    mirrored = [torch.equal(a, b.flip(-1)) for a, b in zip(changed, plain, strict=True)]
    same = [torch.equal(a, b) for a, b in zip(changed, plain, strict=True)]
    assert all(a or b for a, b in zip(mirrored, same, strict=True))
    assert any(mirrored)
    assert any(same)
    without = read_images(mixed, augment=False)
    assert torch.equal(without.prepare(train=True)(raw, rows, 0), plain)


def test_targets_follow_as_their_kind_asks(mixed: Path):
    data = read_images(mixed, size=(24, 16), augment={"mixup": 0.5, "pad": "zero"})
    keys = torch.arange(6)
    raw = data.pictures.take(keys)
    shares = data.follow(train=True, seed=3)(data.values[keys], keys, 1)
    assert shares.shape == (6, len(data.target.labels)) and shares.dtype == torch.float32
    found = mixing(keys, 1, data.augment, 24, 16, 3)
    expected = (1 - found.share) + found.share * (data.values[keys] == data.values[found.partner])
    torch.testing.assert_close(shares[keys, data.values[keys]], expected)
    assert data.follow(train=False) is as_they_are
    data.augment = dataclasses.replace(data.augment, mixup=0.0)
    assert data.follow(train=True) is as_they_are
    data.target = dataclasses.replace(data.target, kind="mask")
    assert data.follow(train=True, seed=2) == MovedMasks(data.augment, 24, 16, 2)
    assert data.follow(train=False) is as_they_are
    data.target = dataclasses.replace(data.target, kind="points")
    moved = MovedPoints(data.augment, 24, 16, 2)
    assert data.follow(train=True, seed=2) == Places(16, 24, moved)
    assert data.follow(train=False) == Places(16, 24)
    data.target = dataclasses.replace(data.target, kind="picture")
    wanted = data.follow(train=True, seed=2)(raw, keys, 0)
    plain = ImagePrepare(data.preprocessor, data.augment.geometry(), 2)(raw, keys, 0)
    assert torch.equal(wanted, plain)
    assert torch.equal(data.follow(train=False)(raw, keys, 0), data.preprocessor.normalised(raw))


def test_augmentation_is_chosen_field_by_field(mixed: Path):
    data = read_images(mixed, size=100, augment={"rotate_degrees": 5})
    assert data.augment == Augment(rotate_degrees=5)
    assert any(note.endswith("light 0.2; but rotate_degrees=5") for note in data.notes)
    with pytest.raises(UserError, match=r"unknown field of augment 'rotation'.*rotate_degrees"):
        read_images(mixed, augment={"rotation": 5})


def test_splits_do_not_depend_on_names_or_order(tmp_path: Path):
    class_folders(tmp_path / "one", {"a": 20, "b": 20})
    data = read_images(tmp_path / "one")
    for path in (tmp_path / "one").rglob("*.png"):
        other = tmp_path / "two" / path.parent.name / f"{hash(path.name) % 10**9}.png"
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(path.read_bytes())
    renamed = read_images(tmp_path / "two")
    for name, rows in data.splits.items():
        assert set(data.keys[rows]) == set(renamed.keys[renamed.splits[name]])
    assert data.fingerprint() != renamed.fingerprint()
    assert data.fingerprint() == read_images(tmp_path / "one").fingerprint()
    other_seed = read_images(tmp_path / "one", split_seed=1)
    assert set(data.splits["test"]) != set(other_seed.splits["test"])


def test_sizes_of_splits(tmp_path: Path):
    class_folders(tmp_path, {"a": 40, "b": 60}, size=(8, 8))
    data = read_images(tmp_path)
    sizes = {name: len(rows) for name, rows in data.splits.items()}
    assert sizes == {"train": 70, "valid": 10, "calibrate": 5, "test": 15}
    assert data.describe()["splits"]["test"] == {"rows": 15, "classes": {"a": 6, "b": 9}}


def test_valid_is_15_percent_of_train_where_test_is_given(tmp_path: Path):
    class_folders(tmp_path / "train", {"a": 50, "b": 50}, size=(8, 8))
    class_folders(tmp_path / "test", {"a": 10, "b": 10}, size=(8, 9))
    data = read_images(tmp_path, size=8)
    assert {name: len(rows) for name, rows in data.splits.items()} == {
        "train": 85,
        "valid": 10,
        "calibrate": 5,
        "test": 20,
    }
    assert all(data.item_id(row).startswith("test/") for row in data.splits["test"])
    assert any("valid taken out of train" in note for note in data.notes)


def test_copies_stay_in_one_split(tmp_path: Path):
    for i in range(40):
        content = encoded(noise(8, 8, seed=i))
        write(tmp_path, {f"{'ab'[i % 2]}/{i}-{copy}.png": content for copy in range(2)})
    data = read_images(tmp_path)
    split_of = {int(row): name for name, rows in data.splits.items() for row in rows}
    for key in set(data.keys):
        assert len({split_of[int(row)] for row in np.flatnonzero(data.keys == key)}) == 1


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)] * 4, 28),
        ([(20, 30)] * 4, [20, 30]),
        ([(96, 96)] * 4, 96),
        ([(200, 300)] * 4, 128),
        ([(40, 90), (50, 60), (60, 61), (70, 80)], 55),
    ],
)
def test_size_by_default(tmp_path: Path, sizes: list[tuple[int, int]], expected: object):
    for i, (height, width) in enumerate(sizes):
        write(tmp_path, {f"{'ab'[i % 2]}/{i}.png": encoded(noise(height, width, seed=i))})
    data = read_images(tmp_path)
    assert data.model_arguments() == {"channels": 3, "size": expected}
    assert any("px" in note for note in data.notes)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(40, 60)] * 6, "squash"),
        ([(40, 60), (60, 80), (45, 60), (36, 64), (60, 80), (40, 60)], "squash"),
        ([(40, 60), (60, 40)] * 3, "crop"),
        ([(40, 40), (40, 70)] * 3, "crop"),
    ],
)
def test_fit_by_default(tmp_path: Path, sizes: list[tuple[int, int]], expected: str):
    for i, (height, width) in enumerate(sizes):
        write(tmp_path, {f"{'ab'[i % 2]}/{i}.png": encoded(noise(height, width, seed=i))})
    data = read_images(tmp_path, size=16)
    assert data.preprocessor.fit == expected
    assert any("is cropped" in note for note in data.notes) == (expected == "crop")
    assert read_images(tmp_path, size=16, fit="pad").preprocessor.fit == "pad"


def test_grey_sets_stay_grey(tmp_path: Path):
    class_folders(tmp_path, {"a": 3, "b": 3}, channels=1)
    assert read_images(tmp_path).model_arguments()["channels"] == 1
    assert read_images(tmp_path, grey=False).model_arguments()["channels"] == 3
    write(tmp_path, {"a/colour.png": encoded(noise(16, 16))})
    data = read_images(tmp_path)
    assert data.model_arguments()["channels"] == 3
    assert "files that are grey among colour ones: 6 of 7" in data.notes
    assert read_images(tmp_path, grey=True).model_arguments()["channels"] == 1


def test_where_the_pixels_are_is_chosen_by_their_size_and_said(tmp_path: Path):
    class_folders(tmp_path, {"a": 4, "b": 4}, size=(10, 10))
    need = 8 * 3 * 10 * 10
    assert read_images(tmp_path, memory_budget=need).store.resident
    data = read_images(tmp_path, memory_budget=need - 1)
    assert not data.store.resident
    assert any(note.startswith("decoded when needed") for note in data.notes)
    assert read_images(tmp_path, memory_budget=0, resident=True).store.resident
    assert not read_images(tmp_path, resident=False).store.resident


BAD = {
    "zero.jpg": (b"", "zero bytes"),
    "text.jpg": (b"dear diary", "text, not a picture"),
    "cut.jpg": (encoded(noise(64, 64), "JPEG")[:-300], "cut short"),
    "cut.png": (encoded(noise(64, 64))[:-300], "cut short"),
    "bomb.png": (
        png_of_size(50_000, 50_000),
        "2,500 million pixels is over the limit of 100 million",
    ),
    "page.png": (b"<html></html>", "an HTML page"),
}


@pytest.mark.parametrize("resident", [True, False])
def test_bad_pictures_are_set_aside_and_listed(tmp_path: Path, resident: bool):
    class_folders(tmp_path, {"a": 10, "b": 10})
    write(tmp_path, {f"a/{name}": content for name, (content, _) in BAD.items()})
    write(tmp_path, {"b/readme.md": b"hello"})
    data = read_images(tmp_path, max_bad=0.25, resident=resident)
    assert len(data.keys) == 20
    reasons = {item.item: item.reason for item in data.bad_items}
    assert set(reasons) == {*(f"a/{name}" for name in BAD), "b/readme.md"}
    for name, (_, reason) in BAD.items():
        assert reason in reasons[f"a/{name}"]
    assert "6 pictures cannot be read and are set aside" in data.notes
    good = [data.item_id(row) for row in range(20)]
    expected = [np.asarray(Image.open(tmp_path / name)) for name in good]
    found = data.store.take(torch.arange(20)).movedim(1, -1).numpy()
    assert np.array_equal(found, np.stack(expected))


@pytest.mark.parametrize("resident", [True, False])
def test_more_bad_pictures_than_allowed_stop_with_the_list(tmp_path: Path, resident: bool):
    class_folders(tmp_path, {"a": 97, "b": 97}, size=(8, 8))
    write(tmp_path, {f"a/{name}": content for name, (content, _) in BAD.items()})
    with pytest.raises(UserError, match="6 of 200 pictures") as caught:
        read_images(tmp_path, resident=resident)
    text = str(caught.value)
    assert all(f"a/{name}: " in text for name in ("zero.jpg", "text.jpg", "bomb.png"))
    assert "max_bad=0.03 " in text
    assert len(read_images(tmp_path, max_bad=0.03, resident=resident).bad_items) == 6


def test_one_percent_is_allowed(tmp_path: Path):
    class_folders(tmp_path, {"a": 50, "b": 49}, size=(8, 8))
    write(tmp_path, {"a/zero.png": b""})
    assert [item.item for item in read_images(tmp_path).bad_items] == ["a/zero.png"]


def test_nothing_but_bad_pictures_stops_at_any_share(tmp_path: Path):
    write(tmp_path, {"a/1.png": b"", "b/2.png": b""})
    with pytest.raises(UserError, match="2 of 2 pictures"):
        read_images(tmp_path, max_bad=1.0)


def test_odd_pictures_are_read(tmp_path: Path):
    ramp = np.linspace(0, 65535, 256).reshape(16, 16).astype(np.uint16)
    red, blue = (np.full((16, 16, 3), c, dtype=np.uint8) for c in ([255, 0, 0], [0, 0, 255]))
    files = {
        "a/cmyk.jpg": encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95),
        "a/deep.png": encoded(Image.fromarray(ramp)),
        "a/turned.jpg": rotated_jpeg(noise(16, 16), 6),
        "b/moving.gif": animation("GIF", red, blue),
        "b/moving.png": animation("PNG", red, blue),
        "b/wrong suffix.jpg": encoded(noise(16, 16)),
        "b/large.png": encoded(np.zeros((200, 300), dtype=np.uint8)),
    }
    data = read_images(write(tmp_path, files), size=16)
    assert not data.bad_items
    said = "\n".join(data.notes)
    assert "1 photograph is turned upright" in said
    assert "2 files are animations: the first frame is used" in said
    found = dict(
        zip(data.files or [], data.store.take(torch.arange(len(files))).numpy(), strict=True)
    )
    assert np.abs(found["a/cmyk.jpg"][:, 8, 8].astype(int) - [255, 0, 0]).max() <= 3
    assert np.abs(found["a/deep.png"][0].astype(float) - ramp / 257).max() <= 0.5
    assert found["b/moving.gif"][:, 8, 8].tolist() == [255, 0, 0]
    assert found["b/moving.png"][:, 8, 8].tolist() == [255, 0, 0]


def test_unicode_and_spaces_in_paths(tmp_path: Path):
    root = class_folders(tmp_path / "m\u00efne \u56fe", {"\u00fc b": 4, "\u72ac": 4})
    data = read_images(root)
    assert data.target.labels == ("\u00fc b", "\u72ac")
    assert data.name == "m\u00efne \u56fe"
    assert len(data.fingerprint()) == 64
    assert data.preprocessor([root / data.item_id(0)]).shape == (1, 3, 16, 16)


def test_labels_are_in_order_and_targets_point_at_them(tmp_path: Path):
    class_folders(tmp_path, {"10": 4, "9": 4, "1": 4})
    data = read_images(tmp_path)
    assert data.target.labels == ("1", "9", "10")
    for row, value in enumerate(data.targets.tolist()):
        assert data.item_id(row).split("/")[0] == data.target.labels[value]


def test_a_label_that_train_lacks_stops(tmp_path: Path):
    class_folders(tmp_path / "train", {"cats": 20, "dogs": 20}, size=(8, 8))
    class_folders(tmp_path / "test", {"cat": 5, "dogs": 5}, size=(8, 8))
    with pytest.raises(UserError, match=r"'cat' \(5\).*'cat' may be 'cats'"):
        read_images(tmp_path)


def test_few_rows_with_such_a_label_are_set_aside_and_an_error_finding(tmp_path: Path):
    class_folders(tmp_path / "train", {"a": 60, "b": 60}, size=(8, 8))
    class_folders(tmp_path / "valid", {"a": 10, "b": 10, "c": 1}, size=(8, 9))
    data = read_images(tmp_path, size=8)
    assert data.target.labels == ("a", "b")
    everything = np.concatenate(list(data.splits.values()))
    assert (data.targets[everything] >= 0).all()
    assert [item.item for item in data.bad_items] == ["valid/c/000.png"]
    assert "1 picture is left out for a label that no training picture has: 'c' 1" in data.notes
    errors = [finding for finding in data.findings() if finding.severity == "error"]
    assert [(finding.code, finding.items) for finding in errors] == [
        ("unseen_label", ("valid/c/000.png",))
    ]


def test_one_class_and_one_picture_per_class_are_error_findings(tmp_path: Path):
    one = read_images(class_folders(tmp_path / "one", {"only": 5}))
    assert [f.code for f in one.findings() if f.severity == "error"] == ["one_class"]
    many = read_images(class_folders(tmp_path / "many", dict.fromkeys("abcde", 1)))
    assert [f.code for f in many.findings() if f.severity == "error"] == ["one_row_per_class"]


def test_mistakes_in_arguments(tmp_path: Path):
    class_folders(tmp_path, {"a": 4, "b": 4})
    with pytest.raises(UserError, match="max_bad=2"):
        read_images(tmp_path, max_bad=2)
    with pytest.raises(UserError, match="size=0"):
        read_images(tmp_path, size=0)
    with pytest.raises(UserError, match="did you mean 'crop'"):
        read_images(tmp_path, fit="croop")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="sum to 1"):
        read_images(tmp_path, fractions=(0.5, 0.1, 0.1))
    with pytest.raises(TypeError, match="no_such_option"):
        read_images(tmp_path, no_such_option=3)  # type: ignore[call-arg]


def test_progress_is_told(tmp_path: Path):
    class_folders(tmp_path, {"a": 3, "b": 3})
    told = []
    read_images(tmp_path, progress=lambda what, done, of: told.append((what, done, of)))
    assert told == [("looking at files", 6, 6), ("decoding pictures", 6, 6)]


def test_new_splits_have_their_own_statistics(tmp_path: Path):
    data = read_images(class_folders(tmp_path, {"a": 10, "b": 10}))
    rows = np.arange(20)
    other = data.with_splits(
        {"train": rows[:5], "valid": rows[5:9], "calibrate": rows[9:12], "test": rows[12:]}
    )
    values = data.store.take(torch.arange(5)).double()
    assert other.preprocessor.mean == pytest.approx(values.mean(dim=(0, 2, 3)).tolist())
    assert data.preprocessor.mean != other.preprocessor.mean
    assert other.store is data.store
    assert dataclasses.asdict(other.target) == dataclasses.asdict(data.target)


def test_a_picture_to_show_and_features_for_a_linear_model(tmp_path: Path):
    data = read_images(class_folders(tmp_path, {"a": 4, "b": 4}, size=(64, 64)))
    raw = data.store.take(torch.arange(8))
    shown = np.asarray(Image.open(io.BytesIO(data.show_item(3)["png"])))
    assert np.array_equal(shown, raw[3].movedim(0, -1).numpy())
    features = data.flat_features(np.array([3, 1]))
    assert features.shape == (2, 3 * 18 * 18)
    assert features.dtype == np.float32
    assert features[0].mean() == pytest.approx(raw[3].double().mean().item() / 255, abs=0.01)
    small = image_arrays(raw[:, :, :8, :8], list("aabbaabb"))
    flat = small.flat_features(np.array([2]))
    np.testing.assert_allclose(flat[0], raw[2, :, :8, :8].flatten().numpy() / 255, rtol=1e-6)


@pytest.mark.data
def test_mnist(data_folder: Path):
    data = read_images(data_folder / "mnist")
    assert {name: len(rows) for name, rows in data.splits.items()} == {
        "train": 51000,
        "valid": 6000,
        "calibrate": 3000,
        "test": 10000,
    }
    assert data.target.labels == tuple("0123456789")
    assert data.store.resident
    # the usual constants are 0.1307 and 0.3081, of all 60,000 training pictures
    assert data.preprocessor.mean[0] / 255 == pytest.approx(0.1307, abs=0.0005)
    assert data.preprocessor.std[0] / 255 == pytest.approx(0.3081, abs=0.0005)
    codes = {finding.code: finding.severity for finding in data.findings()}
    assert codes == {"near_duplicates": "info", "near_duplicates_across_splits": "info"}


@pytest.mark.data
def test_cifar(data_folder: Path, tmp_path: Path):
    import zipfile

    with zipfile.ZipFile(data_folder / "cifar10_small" / "cifar10_small.zip") as archive:
        archive.extractall(tmp_path)
    data = read_images(tmp_path)
    assert data.model_arguments() == {"channels": 3, "size": 32}
    assert len(data.splits["test"]) == 2000
    assert len(data.splits["train"]) == 8500
    assert not data.bad_items
    # a pair that a person sees at once, though no byte is equal
    pairs = [item for f in data.findings() if f.code.startswith("near") for item in f.items]
    assert "train/frog/0502.jpg = train/frog/0954.jpg" in pairs
