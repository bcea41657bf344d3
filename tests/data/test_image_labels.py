"""Labels of pictures from a table, a pattern and a function."""

from pathlib import Path

import numpy as np
import pytest

import tilth as tl
from tests.data.pictures import encoded, noise, write
from tilth.cli._options import settings_from
from tilth.data.image_labels import list_labelled
from tilth.data.image_set import ImageData
from tilth.errors import UserError
from tilth.flow.sources import read

TRUTH = {f"{kind}_{i:02}": kind for i in range(15) for kind in ("cat", "dog")}


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Thirty pictures in one folder, called by what they show."""
    places = enumerate(TRUTH)
    return write(tmp_path, {f"all/{n}.png": encoded(noise(12, 12, seed=i)) for i, n in places})


def as_read(data: ImageData) -> dict[str, str]:
    labels = data.target.labels
    rows = np.concatenate(list(data.splits.values()))
    return {Path(data.item_id(r)).stem: labels[int(data.targets[r])] for r in rows.tolist()}


def label_of(path: Path) -> str:
    return path.stem.partition("_")[0]


def table(folder: Path, rows: list[str], name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    "head, say",
    [
        (["name,label"], "all/{}.png"),
        (["image,class"], "{}.png"),
        (["id,breed"], "{}"),
        ([], "{}.png"),
    ],
    ids=["path", "name", "stem", "no head"],
)
def test_a_table_names_pictures_by_path_name_or_stem(flat, head, say):
    path = table(flat, [*head, *(f"{say.format(n)},{kind}" for n, kind in TRUTH.items())])
    data = tl.images(flat, labels=path)
    assert as_read(data) == TRUTH
    assert data.target.name == (head[0].partition(",")[2] if head else "label")
    assert as_read(tl.images(flat, labels=str(path))) == TRUTH


def test_labels_of_a_table_are_cleaned_and_gaps_are_told(flat):
    rows = [f" {n}.png , {kind}" for n, kind in TRUTH.items()]
    gap, _ = rows[0].split(",")
    data = tl.images(flat, labels=table(flat, ["name,label", f"{gap},NA", *rows[1:]]), max_bad=0.5)
    assert as_read(data) == {n: kind for n, kind in list(TRUTH.items())[1:]}
    assert len(data.facts.gaps) == 1


def test_a_table_with_a_bracket_in_its_name_is_a_table(flat):
    path = table(flat, [f"{n}.png,{kind}" for n, kind in TRUTH.items()])
    path = path.rename(path.with_name("labels (1).csv"))
    assert as_read(tl.images(flat, labels=str(path))) == TRUTH


def test_a_function_may_give_whole_numbers_of_any_type(flat):
    data = tl.images(flat, labels=lambda path: np.int64(len(label_of(path))))
    assert data.target.labels == tuple(sorted({str(len(kind)) for kind in TRUTH.values()}))


def test_columns_of_a_wide_table_are_known_by_their_names(flat):
    rows = [f"{i},{n}.png,{kind},x" for i, (n, kind) in enumerate(TRUTH.items())]
    assert as_read(tl.images(flat, labels=table(flat, ["no,file,label,note", *rows]))) == TRUTH
    with pytest.raises(UserError, match="4 columns and no target was named"):
        tl.images(flat, labels=table(flat, ["no,picture,what,note", *rows]))


@pytest.mark.parametrize("labels", [r"([a-z]+)_\d+\.png$", label_of], ids=["pattern", "function"])
def test_a_pattern_and_a_function_give_labels(flat, labels):
    assert as_read(tl.images(flat, labels=labels)) == TRUTH


def test_pictures_without_a_label_and_rows_without_a_picture_are_set_aside(flat):
    rows = [f"{n}.png,{kind}" for n, kind in TRUTH.items() if n != "cat_03"]
    path = table(flat, ["name,label", *rows, "fox_01.png,fox", "fox_01.png,fox"])
    data = tl.images(flat, labels=path, max_bad=0.07)  # 2 of 31
    assert as_read(data) == {n: kind for n, kind in TRUTH.items() if n != "cat_03"}
    aside = {bad.item: bad.reason for bad in data.bad_items}
    assert aside["all/cat_03.png"] == "no label"
    assert "no one picture" in aside["fox_01.png"]
    assert "1 picture has no label and is left out" in data.notes
    codes = {finding.code: finding for finding in data.findings()}
    assert codes["label_gaps"].what.endswith("2 gaps")
    assert "fox" not in str(codes.get("not_pictures", ""))
    with pytest.raises(UserError, match="1 of 30 pictures without a label and 1 name") as e:
        tl.images(flat, labels=path)
    assert "max_bad=0.065" in str(e.value) and "all/cat_03.png: no label" in str(e.value)


def test_pictures_that_a_pattern_misses_are_a_gap_and_those_a_function_leaves_out_are_not(flat):
    with pytest.raises(UserError, match=r"15 of 30 pictures without a label, more than max_bad"):
        tl.images(flat, labels=r"(cat)_\d")
    data = tl.images(flat, labels=lambda path: label_of(path) if path.stem != "cat_03" else None)
    assert len(as_read(data)) == 29
    assert "label_gaps" not in {finding.code for finding in data.findings()}


def test_a_test_folder_without_any_label_is_left_out(tmp_path):
    for i, name in enumerate(TRUTH):
        write(tmp_path, {f"train/{name}.png": encoded(noise(12, 12, seed=i))})
        write(tmp_path, {f"test/{i}.png": encoded(noise(12, 12, seed=100 + i))})
    rows = [f"{name}.png,{kind}" for name, kind in TRUTH.items()]
    data = tl.images(tmp_path, labels=table(tmp_path, ["name,label", *rows]))
    assert as_read(data) == TRUTH
    assert "30 pictures have no label and are left out" in data.notes


def test_folders_of_splits_are_kept(tmp_path):
    for i, name in enumerate(TRUTH):
        part = "test" if i % 5 == 0 else "train"
        write(tmp_path, {f"{part}/{name}.png": encoded(noise(12, 12, seed=i))})
    data = tl.images(tmp_path, labels=label_of)
    tested = {data.item_id(row) for row in data.splits["test"].tolist()}
    assert tested == {f"test/{name}.png" for i, name in enumerate(TRUTH) if i % 5 == 0}


def test_pictures_of_one_name_need_their_path(tmp_path):
    for part in ("a", "b"):
        write(tmp_path, {f"{part}/1.png": encoded(noise(8, 8)), f"{part}/2.png": b""})
    known = list_labelled(
        tmp_path, table(tmp_path, ["name,label", "a/1,x", "b/1.png,y", "2,z"]), max_bad=1
    )
    assert dict(zip(known.files, known.labels, strict=True)) == {"a/1.png": "x", "b/1.png": "y"}


@pytest.mark.parametrize(
    "labels, told",
    [
        ("(cat", "no regular expression"),
        ("cat", r"no group.*in parentheses, is the label"),
        ("(bird)", r"none of the 30 pictures.*such as 'all/cat_00\.png'"),
        ("nowhere.csv", "no such file"),
        (lambda path: {1: 2}, r"the label \{1: 2\}; a label is a text"),
        (3, "labels=3"),
    ],
)
def test_mistakes_are_told(flat, labels, told):
    with pytest.raises(UserError, match=told):
        tl.images(flat, labels=labels)


def test_two_labels_of_one_picture_are_told(flat):
    path = table(flat, ["name,label", "cat_00,cat", "cat_00.png,dog"])
    with pytest.raises(UserError, match="both 'cat' and 'dog'"):
        tl.images(flat, labels=path)


def test_idx_files_have_their_labels(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(UserError, match="labels for idx files"):
        tl.images(tmp_path, labels="(.)")


def test_what_can_be_read_again_is_kept_as_origin(flat):
    path = table(flat, ["name,label", *(f"{n},{kind}" for n, kind in TRUTH.items())])
    assert tl.images(flat, labels=path).origin["labels"] == str(path.resolve())
    assert tl.images(flat, labels="([a-z]+)_").origin["labels"] == "([a-z]+)_"
    assert tl.images(flat, labels=label_of).origin == {}


def test_labels_are_reached_by_settings_also_beside_a_table(flat, tmp_path):
    path = table(flat / "all", ["name,label", *(f"{n},{kind}" for n, kind in TRUTH.items())])
    for labels in (str(path), "([a-z]+)_"):
        settings = settings_from(str(flat / "all"), {"labels": labels})
        assert as_read(read(settings.data)) == TRUTH
    with pytest.raises(UserError, match="there is nothing"):
        read(settings_from(str(flat), {"labels": "nowhere.csv"}).data)


NOT_FINITE = [float("nan"), float("inf"), np.float32("-inf")]


@pytest.mark.parametrize("odd", NOT_FINITE)
def test_a_function_that_gives_no_finite_number_leaves_a_gap(flat, odd):
    def number(path):
        return odd if path.stem == "cat_00" else float(path.stem[-2:])

    with pytest.raises(UserError, match="1 of 30 pictures without a label"):
        tl.images(flat, labels=number)
    data = tl.images(flat, labels=number, max_bad=0.1)
    assert [(bad.item, bad.reason) for bad in data.bad_items] == [("all/cat_00.png", "no label")]
    rows = np.concatenate(list(data.splits.values()))
    found = data.targets.numpy()[rows] * data.target.scale + data.target.mean
    wanted = [float(name[-2:]) for name in TRUTH if name != "cat_00"]
    np.testing.assert_allclose(sorted(found), sorted(wanted), atol=1e-5)


@pytest.mark.parametrize("odd", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("labels", [r"^(?:all/)?([^/_]+)[_/]", None], ids=["pattern", "folders"])
def test_a_number_in_a_path_that_is_not_finite_is_a_gap(tmp_path, odd, labels):
    said = ["17", "18.5"] * 12 + [odd]
    end = ".png" if labels is None else "_.png"
    names = [f"{one}/{i}{end}" for i, one in enumerate(said)]
    write(tmp_path, {name: encoded(noise(8, 8, seed=i)) for i, name in enumerate(names)})
    with pytest.raises(UserError, match="1 of 25 pictures without a label"):
        tl.images(tmp_path, labels=labels, task="regress")
    data = tl.images(tmp_path, labels=labels, task="regress", max_bad=0.1)
    assert [bad.item for bad in data.bad_items] == [names[-1]]
    assert data.target.mean == pytest.approx(17.75, abs=0.2)
    assert sum(map(len, data.splits.values())) == 24


def in_splits(folder: Path, said: dict[str, str]) -> Path:
    """Write a table of labels with splits: train for cats, valid and test for every other dog."""
    part = {"cat": "train", "dog": "valid"}
    rows = [
        f"{name}.png,{said.get(name, 'x')},{'test' if name > 'dog_07' else part[kind]}"
        for name, kind in TRUTH.items()
    ]
    return table(folder, ["file,labels,split", *rows])


def test_several_labels_that_train_lacks_are_set_aside_as_classes_are(flat):
    odd = {"dog_03": "x;zebra", "dog_09": "zebra;yak", "dog_10": "yak"}
    path = in_splits(flat, odd)
    told = "3 of 30 pictures have a label that no training picture has: 'zebra' \\(2\\), 'yak' \\(2"
    with pytest.raises(UserError, match=told):
        tl.images(flat, labels=path, target="labels", task="multilabel")
    data = tl.images(flat, labels=path, target="labels", task="multilabel", max_bad=0.1)
    assert data.target.labels == ("x",)
    left = {Path(data.item_id(row)).stem for rows in data.splits.values() for row in rows.tolist()}
    assert left == {*TRUTH} - {*odd}
    assert sorted(Path(bad.item).stem for bad in data.bad_items) == sorted(odd)
    assert data.facts.unseen == {
        "zebra": ["all/dog_03.png", "all/dog_09.png"],
        "yak": ["all/dog_09.png", "all/dog_10.png"],
    }
    assert any(note.startswith("3 pictures are left out for a label") for note in data.notes)


def test_whole_numbers_that_train_lacks_are_no_spelling_but_perhaps_numbers_to_predict(flat):
    ages = in_splits(flat, {name: str(20 + n % 17) for n, name in enumerate(TRUTH)})
    told = "pictures have a label that no training picture has.*Fix: .*--task regress"
    for task in (None, "multilabel"):
        with pytest.raises(UserError, match=told) as raised:
            tl.images(flat, labels=ages, target="labels", task=task)
        assert "may be" not in str(raised.value)
    assert tl.images(flat, labels=ages, target="labels", task="regress").target.kind == "number"


def test_several_numbers_in_a_cell_are_labels_and_no_number_to_predict(flat):
    pairs = in_splits(flat, {name: f"{20 + n % 17};40" for n, name in enumerate(TRUTH)})
    with pytest.raises(UserError, match="no training picture has") as raised:
        tl.images(flat, labels=pairs, target="labels", task="multilabel")
    assert "regress" not in raised.value.fix


def test_cells_of_several_labels_beside_empty_ones_ask_for_the_task_of_several(flat):
    said = ["red;old", "red", ""]
    lines = [f"{name}.png,{said[n % 3]}" for n, name in enumerate(TRUTH)]
    tags = table(flat, ["file,tags", *lines])
    with pytest.raises(UserError, match="10 of 30 pictures without a label") as raised:
        tl.images(flat, labels=tags, target="tags")
    assert "--task multilabel" in raised.value.fix
    found = tl.images(flat, labels=tags, target="tags", task="multilabel")
    assert found.target.labels == ("old", "red")
    plain = table(flat, ["file,tags", *(line.replace(";old", "") for line in lines)])
    with pytest.raises(UserError, match="10 of 30 pictures without a label") as raised:
        tl.images(flat, labels=plain, target="tags")
    assert raised.value.fix.startswith("mend the labels")


def test_labels_that_differ_in_case_only_are_a_finding(flat):
    odd = {f"cat_{number:02}": "Cat" for number in range(4)}
    rows = [f"{name}.png,{odd.get(name, kind)}" for name, kind in TRUTH.items()]
    data = tl.images(flat, labels=table(flat, ["name,label", *rows]))
    codes = {finding.code: finding for finding in data.findings()}
    assert "'Cat' as 'cat'" in codes["label_variants"].what
