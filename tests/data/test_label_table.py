"""What a table says of pictures, against what was written into it."""

import math

import numpy as np
import polars as pl
import pytest
from PIL import Image

import tilth as tl
from tilth.data.label_table import read_label_table
from tilth.errors import UserError

PICTURES = ["a/1.png", "a/2.png", "b/3.png"]


def written(folder, **columns):
    """Return a table whose first column names the pictures."""
    pl.DataFrame({"file": ["1.png", "a/2", "3"], **columns}).write_csv(folder / "t.csv")
    return folder / "t.csv"


def test_one_column_of_fractions_is_a_number_and_of_whole_numbers_a_class(tmp_path):
    told = read_label_table(written(tmp_path, age=[1.5, 2.0, 7.25]), PICTURES)
    assert told.kind == "number" and told.values == dict(
        zip(PICTURES, [1.5, 2.0, 7.25], strict=True)
    )
    told = read_label_table(written(tmp_path, age=[1, 2, 7]), PICTURES)
    assert told.kind == "classes" and list(told.values.values()) == ["1", "2", "7"]
    assert told.notes == ["age is taken as classes (numbers to predict: task='regress')"]
    said = read_label_table(written(tmp_path, age=[1, 2, 7]), PICTURES, task="classify")
    assert said.values == told.values and said.notes == []
    (tmp_path / "bare.csv").write_text("".join(f"{name},7\n" for name in PICTURES))
    bare = read_label_table(tmp_path / "bare.csv", PICTURES)
    assert bare.notes[0].startswith("what stands beside the pictures is taken as classes")
    told = read_label_table(written(tmp_path, age=[1, 2, 7]), PICTURES, task="regress")
    assert told.kind == "number" and list(told.values.values()) == [1.0, 2.0, 7.0]


def test_pictures_are_named_by_a_column_that_does_name_them(tmp_path):
    table = tmp_path / "t.csv"
    files = ["1.png", "a/2", "3"]
    for columns in (
        {"id": ["u7", "u8", "u9"], "photo": files, "label": ["x", "y", "z"]},
        {"name": ["u7", "u8", "u9"], "file": files, "label": ["x", "y", "z"]},
        {"id": [7, 8, 9], "photo": files, "label": ["x", "y", "z"]},
        {"note": ["1.png", "a/2", "3"], "file": ["1", "no", "no"], "label": ["x", "u", "v"]},
    ):
        pl.DataFrame(columns).write_csv(table)
        told = read_label_table(table, PICTURES)
        first = {"a/1.png": "x"}  # a column that is called so names pictures where it names any
        assert told.values == (
            first if "note" in columns else dict(zip(PICTURES, "xyz", strict=True))
        )
    pl.DataFrame({"id": ["u7", "u8"], "label": ["x", "y"]}).write_csv(table)
    with pytest.raises(UserError, match=r"'id' has 'u7', 'u8'.*such as 'a/1.png'"):
        read_label_table(table, PICTURES)


@pytest.mark.parametrize("between", [" ", ";", "|", ", "])
def test_several_labels_in_one_column_are_divided(tmp_path, between):
    texts = [between.join(["old", "red"]), "red", ""]
    told = read_label_table(written(tmp_path, tags=texts), PICTURES, task="multilabel")
    assert told.kind == "labels"
    assert list(told.values.values()) == [("old", "red"), ("red",), ()]


def test_columns_of_nought_and_one_are_labels(tmp_path):
    table = written(tmp_path, red=[1, 0, 0], old=[1, 1, 0], note=["x", "y", "z"])
    told = read_label_table(table, PICTURES, target=["red", "old"])
    assert told.kind == "labels" and told.names == ("red", "old")
    assert list(told.values.values()) == [("red", "old"), ("old",), ()]


def test_pairs_of_columns_are_points_and_what_is_missing_is_nan(tmp_path):
    table = written(
        tmp_path,
        nose_x=[1.0, 2.0, None],
        nose_y=[3.0, None, 1.0],
        chin_x=[5, 6, 7],
        chin_y=[0, 1, 2],
    )
    told = read_label_table(table, PICTURES, task="keypoints")
    assert told.kind == "points" and told.names == ("nose", "chin")
    first, second, third = told.values.values()
    assert first == ((1.0, 3.0), (5.0, 0.0))
    assert math.isnan(second[0][1]) and second[1] == (6.0, 1.0)
    assert math.isnan(third[0][0])


def test_a_column_of_splits_is_taken_and_an_odd_word_told(tmp_path):
    table = written(tmp_path, label=["u", "v", "w"], split=["train", "val", "test"])
    told = read_label_table(table, PICTURES)
    assert told.splits == dict(zip(PICTURES, ["train", "valid", "test"], strict=True))
    table = written(tmp_path, label=["u", "v", "w"], split=["train", "val", "spare"])
    with pytest.raises(UserError, match="'spare'; it names the split"):
        read_label_table(table, PICTURES)


@pytest.mark.parametrize(
    ("columns", "asked", "told"),
    [
        ({"a": [1, 2, 3], "b": [1, 2, 3]}, {}, "no target was named.*Choices: a, b"),
        ({"a": [1, 2, 3]}, {"target": ["c"]}, "'c'"),
        (
            {"eye_x": [1.5, 2, 3], "eye_y": [1, 2, 3], "x2": [1, 2, 3], "y2": [1, 2, 3]},
            {},
            "Choices: eye_x, eye_y, x2, y2. Fix: .* task='keypoints' .--task keypoints.",
        ),
        (
            {"a": ["1", "x", "2"]},
            {"task": "regress"},
            "a='x' of a/2; only numbers.*Fix: mend or remove its line .* leave the task out",
        ),
        ({"a": [0, 2, 1], "b": [0, 0, 1]}, {"target": ["a", "b"]}, "a=2; several columns"),
        (
            {"a": [0.5, 2, 1], "b": [0, 0, 1]},
            {"task": "keypoints"},
            "'a' and 'b'; points",
        ),
        ({"a_x": [0.5, 2, 1]}, {"task": "keypoints"}, "1 column of numbers for points"),
        ({"a": [1, 2, 3]}, {"task": "sing"}, "'sing'"),
        ({"a": ["1", "inf", "2"]}, {"task": "regress"}, "a='inf' of a/2; only numbers"),
        (
            {"p_x": ["1", "12,5", "3"], "p_y": [1, 2, 3]},
            {"task": "keypoints", "target": ["p_x", "p_y"]},
            "p_x='12,5'; points are numbers",
        ),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, columns, asked, told):
    with pytest.raises(UserError, match=told):
        read_label_table(written(tmp_path, **columns), PICTURES, **asked)


def test_the_column_of_pictures_is_found_whatever_it_is_called(tmp_path):
    frame = pl.DataFrame(
        {"who": ["p", "q", "r"], "shot": ["1", "2", "3"], "label": ["u", "v", "w"]}
    )
    frame.with_columns(pl.col("shot") + ".png").write_csv(tmp_path / "t.csv")
    assert read_label_table(tmp_path / "t.csv", PICTURES).values == dict(
        zip(PICTURES, "uvw", strict=True)
    )


@pytest.mark.parametrize("first", ["1.png", "./1.png", "1", "./1"])
def test_a_table_without_a_line_of_names_keeps_its_first_picture(tmp_path, first):
    (tmp_path / "t.csv").write_text(f"{first},u\n2.png,v\n3.png,w\n")
    told = read_label_table(tmp_path / "t.csv", PICTURES)
    assert told.values == dict(zip(PICTURES, "uvw", strict=True)) and not told.gaps


@pytest.mark.parametrize("first", ["1.png,16.94,24.47", "1.png,16.94,16.94", "1.png,16.94,3,5"])
def test_points_without_a_line_of_names_ask_for_one(tmp_path, first):
    more = ",2" * (first.count(",") - 1)
    (tmp_path / "t.csv").write_text(f"{first}\n2.png,1.5{more}\n3.png,2.5{more}\n")
    told = "called 16.94, .*: the table seems to have no line of names.*Fix: .*file,nose_x,nose_y"
    with pytest.raises(UserError, match=told):
        read_label_table(tmp_path / "t.csv", PICTURES, task="keypoints")


def test_a_first_picture_that_is_not_there_is_listed_as_any_other(tmp_path):
    (tmp_path / "t.csv").write_text("1.PNG,u\n2.png,v\n3.PNG,w\n")
    told = read_label_table(tmp_path / "t.csv", PICTURES)
    assert told.values == {PICTURES[1]: "v"}
    assert [gap.item for gap in told.gaps] == ["1.PNG", "3.PNG"]


@pytest.fixture
def spots(tmp_path):
    """A folder of 40 pictures of 20 x 10 px with a white spot, and the table of where it is."""
    draw = np.random.default_rng(0)
    rows = []
    for number in range(40):
        x, y = int(draw.integers(1, 19)), int(draw.integers(1, 9))
        pixels = np.zeros((10, 20), dtype=np.uint8)
        pixels[y, x] = 255
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        rows.append({"file": f"{number}.png", "spot_x": x, "spot_y": y})
    pl.DataFrame(rows).write_csv(tmp_path / "spots.csv")
    return tmp_path


@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
def test_points_lie_where_the_pictures_show_them(spots, fit):
    """The centroid of the white spot, after it was brought to another size, is the point."""
    data = tl.images(spots, labels=spots / "spots.csv", task="keypoints", size=(40, 40), fit=fit)
    assert data.target.labels == ("spot",) and data.target.scale == 1.0
    for row in range(40):
        pixels = data.store.take(data.targets.new_tensor([row]).long())[0, 0].double().numpy()
        x, y = data.targets[row, 0].tolist()
        if fit == "crop" and not 3 < x < 36:
            continue  # cut off, or next to it
        down, across = np.nonzero(pixels)
        weights = pixels[down, across]
        assert np.average(across, weights=weights) == pytest.approx(x, abs=0.51)
        assert np.average(down, weights=weights) == pytest.approx(y, abs=0.51)


def test_what_is_read_is_kept_as_origin(spots):
    data = tl.images(spots, labels=spots / "spots.csv", target="spot_x", task="regress")
    assert data.target.kind == "number"
    assert data.origin["target"] == "spot_x" and data.origin["task"] == "regress"
    truth = pl.read_csv(spots / "spots.csv")["spot_x"].to_numpy()
    order = [int(name.split(".")[0]) for name in data.files]
    found = data.targets.numpy() * data.target.scale + data.target.mean
    assert np.allclose(found, truth[order], atol=1e-4)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"target": "age"}, "target=.*without labels"),
        ({"task": "keypoints"}, "task='keypoints' without labels"),
        ({"labels": "t.csv", "masks": "m"}, "labels and masks"),
        ({"names": ("sky",)}, "names or void without masks"),
    ],
)
def test_marks_that_do_not_go_together_are_told(spots, given, told):
    with pytest.raises(UserError, match=told):
        tl.images(spots, **given)


def test_a_function_may_give_numbers_labels_or_points(spots):
    data = tl.images(spots, labels=lambda path: float(path.stem) / 2)
    assert data.target.kind == "number"
    data = tl.images(spots, labels=lambda path: ["even"] if int(path.stem) % 2 == 0 else [])
    assert data.target.kind == "labels" and data.target.labels == ("even",)
    there = {name: bool(one) for name, one in zip(data.files, data.targets[:, 0], strict=True)}
    assert all(there[f"{n}.png"] == (n % 2 == 0) for n in range(40))
    data = tl.images(spots, labels=lambda path: [(1.0, 2.0), (3.0, 4.0)])
    assert data.target.kind == "points" and data.targets.shape == (40, 2, 2)
    with pytest.raises(UserError, match="1 to 2 points"):
        tl.images(spots, labels=lambda path: [(1.0, 2.0)] * (1 + int(path.stem) % 2))


def test_a_text_among_numbers_is_told_where_it_makes_them_classes(tmp_path):
    told = read_label_table(written(tmp_path, age=["1.5", "2.5", "many"]), PICTURES)
    assert told.kind == "classes"
    assert any("for 'many'; 2 of 3 values are numbers" in note for note in told.notes)


def test_points_outside_of_their_pictures_are_counted_and_not_there(spots):
    frame = pl.read_csv(spots / "spots.csv")
    far = frame.with_columns(
        pl.when(pl.col("file") == "7.png").then(999).otherwise(pl.col("spot_x")).alias("spot_x")
    )
    far.write_csv(spots / "far.csv")
    data = tl.images(spots, labels=spots / "far.csv", task="keypoints")
    assert any(note.startswith("1 point lies outside") for note in data.notes)
    codes = {finding.code: finding for finding in data.findings()}
    assert codes["points_outside"].what.endswith("spot 1 of 40")
    assert codes["points_outside"].items == ("7.png",)
    row = data.files.index("7.png")
    assert data.targets[row].isnan().all() and int(data.targets.isnan().any(dim=2).sum()) == 1
    assert [(bad.item, bad.reason) for bad in data.bad_items] == [("7.png", "it has no point")]
