import csv
import json
import os
import warnings

import polars as pl
import pytest

from tests.cli.calling import call


def test_predict_gives_one_object_per_item_and_names_the_bad_one(trained, pictures, tmp_path):
    folder, _ = trained
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    good = [pictures / "dark" / "0.png", pictures / "light" / "0.png"]
    code, out, _ = call("predict", folder, *good, bad, "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [answer["prediction"] for answer in answers[:2]] == ["dark", "light"]
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1)
    assert "bad.png" in answers[2]["item"]
    assert "error" in answers[2]


def test_predict_writes_a_csv(trained, pictures, tmp_path):
    folder, _ = trained
    code, out, _ = call("predict", folder, pictures / "dark", "--out", tmp_path / "p.csv")
    assert (code, out) == (0, "")
    frame = pl.read_csv(tmp_path / "p.csv")
    assert len(frame) == 40
    assert frame["probability_dark"].mean() > 0.5


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.xyz", "answers are written as CSV. Fix: --out {0}/a.csv"),
        ("answers", "--out {0}/answers.csv; as JSON lines: --json"),
        ("nodir/a.csv", "there is no folder {0}/nodir"),
    ],
)
def test_answers_are_written_as_csv_where_there_is_a_folder(pictures, tmp_path, name, told):
    """Said before the model is opened."""
    code, _, err = call("predict", "no/model", pictures / "dark", "--out", tmp_path / name)
    assert code == 2
    assert told.format(tmp_path) in err
    assert not list(tmp_path.iterdir())


def test_answers_are_no_folder(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call("predict", "no/model", pictures / "dark", "--out", ".")
    assert code == 2 and "--out answers.csv;" in err


def test_those_that_have_no_answer_are_not_counted_as_answers(trained, pictures, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    good = pictures / "dark" / "0.png"
    words = ("predict", trained[0], good, tmp_path / "bad.png", "--out", tmp_path / "a.csv")
    code, _, err = call(*words)
    assert code == 1
    assert f"1 answers in {tmp_path / 'a.csv'}\n1 without an answer" in err


def test_answers_are_not_overwritten_unasked(trained, pictures, tmp_path):
    folder, _ = trained
    kept = tmp_path / "p.csv"
    kept.write_text("mine")
    code, _, err = call("predict", folder, pictures / "dark", "--out", kept)
    assert (code, kept.read_text()) == (2, "mine")
    assert "--force" in err
    assert call("predict", folder, pictures / "dark", "--out", kept, "--force")[0] == 0


def test_folders_among_the_items_are_looked_into(trained, pictures):
    folder, _ = trained
    one = pictures / "light" / "3.png"
    code, out, _ = call("predict", folder, one, pictures / "dark", "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [answer["item"] for answer in answers] == [
        str(path) for path in (one, *sorted((pictures / "dark").iterdir()))
    ]
    assert answers[0]["prediction"] == "light"


def test_an_item_that_is_not_there_is_a_mistake_of_the_caller(trained, pictures, tmp_path):
    """Exit code 2, named, and nothing is answered or written before."""
    folder, _ = trained
    there, out_file = pictures / "dark" / "0.png", tmp_path / "p.csv"
    for items in ([tmp_path / "no.png"], [there, tmp_path / "no.png"]):
        code, out, err = call("predict", folder, *items, "--out", out_file)
        assert (code, out) == (2, "")
        assert str(tmp_path / "no.png") in err
        assert not out_file.exists()


def test_json_and_a_file_are_both_given(trained, pictures, tmp_path):
    folder, _ = trained
    path = tmp_path / "p.csv"
    code, out, _ = call("predict", folder, pictures / "dark", "--out", path, "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert code == 0
    assert [row["item"] for row in rows] == [answer["item"] for answer in answers]
    assert [float(row["probability_dark"]) for row in rows] == [
        answer["probabilities"]["dark"] for answer in answers
    ]


def test_a_crash_while_writing_leaves_the_old_answers(trained, pictures, tmp_path, monkeypatch):
    from tilth import disk

    folder, _ = trained
    path = tmp_path / "p.csv"
    path.write_text("the old ones")

    def broken(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(disk, "rename", broken)
    code, _, err = call("predict", folder, pictures / "dark", "--out", path, "--force")
    assert code == 2
    assert "the disk is full" in err
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [
        ("p.csv", "the old ones")
    ]


def test_rows_of_several_tables_are_named_by_their_table(regressed, table, tmp_path):
    second = tmp_path / "second.csv"
    second.write_text("\n".join(table.read_text().splitlines()[:3]) + "\n")
    code, out, _ = call("predict", regressed[0], table, second, "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert len(answers) == 302
    assert answers[0]["item"] == f"{table}: line 2"
    assert answers[300]["item"] == f"{second}: line 2"
    assert answers[300]["prediction"] == pytest.approx(answers[0]["prediction"], rel=1e-5)


def test_warnings_are_lines_for_people(regressed, table, tmp_path):
    """No file name of the package, no line of its code."""
    partly = tmp_path / "partly.csv"
    pl.read_csv(table).drop("area").write_csv(partly)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, _, err = call("predict", regressed[0], partly)
    assert code == 0
    assert "tilth: warning: " in err
    assert "area" in err
    assert f"{os.sep}ship{os.sep}" not in err
