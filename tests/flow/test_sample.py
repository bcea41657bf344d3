"""What is made up, as files that are read again."""

import csv

import numpy as np
import pytest
from PIL import Image

import tilth as tl
from tests.cli.calling import call
from tests.tasks.test_autoencode import LEARNER as GIVEN_BACK
from tests.tasks.test_generate import LEARNER, points_learner
from tilth.errors import UserError
from tilth.flow.sample import sample_to


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return LEARNER(quiet=True, run=folder / "run").fit().export()


def test_pictures_lie_in_folders_of_their_labels(bundle, tmp_path):
    found = sample_to(bundle, tmp_path / "made", count=24, seed=2)
    made = tl.load(bundle).sample(24, seed=2)
    assert found["files"] == 25
    for place in (0, 13, 23):
        path = tmp_path / "made" / str(place % 10) / f"{place:05d}.png"
        with Image.open(path) as picture:
            assert np.array_equal(np.asarray(picture), made[place])
    with Image.open(tmp_path / "made" / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    assert np.array_equal(pixels[:8, 9:17], made[1])


def test_rows_of_numbers_are_a_table(tmp_path):
    run = points_learner(run=tmp_path / "run", task_arguments={"conditional": True}).fit()
    sample_to(run.export(), tmp_path / "made", count=5, label="1")
    with (tmp_path / "made" / "samples.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["x0", "x1", "label"] and [row[2] for row in rows[1:]] == ["1"] * 5
    made = tl.load(run.path).sample(5, label="1")
    assert np.array_equal(np.array([row[:2] for row in rows[1:]], dtype=float), made)


def test_other_models_and_full_folders_are_refused(bundle, tmp_path):
    codec = GIVEN_BACK(quiet=True, run=tmp_path / "run").fit().export()
    with pytest.raises(UserError, match="makes nothing up"):
        sample_to(codec, tmp_path / "made", count=1)
    (tmp_path / "picture.png").write_bytes(b"")
    code, _, err = call("predict", bundle, tmp_path / "picture.png")
    assert code == 2 and "tilth sample" in err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    code, _, err = call("sample", bundle, "-o", tmp_path / "full")
    assert code == 2 and "is there already" in err
    code, out, _ = call("sample", bundle, "-o", tmp_path / "full", "--count", "3", "--force")
    assert code == 0 and out.startswith("3 made")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
