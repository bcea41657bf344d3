"""tilth predict with a model that gives pictures: they are written to a folder."""

import json

import numpy as np
import pytest
from PIL import Image

import tilth as tl
from tests.cli.calling import call


@pytest.fixture(scope="module")
def restorer(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "larger"
    words = ("--task", "restore", "--epochs", "1", "--lr", "0.001", "--dtype", "float32")
    small = ("--set", "model.arguments.width=4", "--set", "model.arguments.blocks=1")
    code, out, err = call("train", pictures, "-o", folder, *words, *small, "--json", "-q")
    assert code == 0, err
    assert json.loads(out)["task"] == "restore"
    return folder


def test_a_folder_is_restored_picture_by_picture(restorer, pictures, tmp_path):
    out = tmp_path / "restored"
    code, said, err = call("predict", restorer, pictures, "-o", out)
    assert (code, said) == (0, "")
    assert f"80 answers in {out}" in err
    found = Image.open(out / "dark" / "7.png")
    assert found.size == (24, 24)
    original = np.asarray(Image.open(pictures / "dark" / "7.png")).astype(float)
    shrunk = np.asarray(found.resize((12, 12), Image.Resampling.BOX)).astype(float)
    assert np.abs(shrunk - original).mean() < 25


def test_each_is_an_object_with_json_and_the_bad_one_is_named(restorer, pictures, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    words = ("predict", restorer, pictures / "dark" / "0.png", tmp_path / "bad.png")
    code, said, _ = call(*words, "--out", tmp_path / "o", "--json")
    answers = [json.loads(line) for line in said.splitlines()]
    assert code == 1
    assert answers[0]["picture"] == str(tmp_path / "o" / "0.png")
    assert "bad.png" in answers[1]["item"] and "error" in answers[1]
    code, _, err = call(*words, "--out", tmp_path / "other")
    assert code == 1 and "1 answers in" in err and "bad.png\tERROR" in err


def test_nothing_is_overwritten_and_no_two_have_one_name(restorer, pictures, tmp_path):
    one = pictures / "dark" / "0.png"
    code, _, err = call("predict", restorer, one)
    assert code == 2 and "--out answers" in err
    code, _, err = call(
        "predict", restorer, one, pictures / "light" / "0.png", "-o", tmp_path / "o"
    )
    assert code == 2 and "both be written" in err
    assert not (tmp_path / "o").exists()
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "0.png").write_text("mine")
    assert call("predict", restorer, one, "-o", tmp_path / "o")[0] == 2
    assert (tmp_path / "o" / "0.png").read_text() == "mine"
    assert call("predict", restorer, one, "-o", tmp_path / "o", "--force")[0] == 0
    assert call("predict", restorer, one, "-o", one)[0] == 2


def test_what_gives_no_prediction_says_so(pictures, tmp_path):
    folder = tmp_path / "codes"
    words = ("--task", "autoencode", "--epochs", "1", "--lr", "0.001", "--dtype", "float32")
    assert call("train", pictures, "-o", folder, *words, "-q")[0] == 0
    code, _, err = call("predict", folder, pictures / "dark" / "0.png")
    assert code == 2 and "answers with codes" in err


def test_masks_of_large_pictures_are_told_tile_by_tile(restorer, tmp_path):
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 255, (60, 16, 16), dtype=np.uint8)
    data = tl.arrays(pixels, (pixels > 127).astype(np.uint8), task="segment")
    learn = tl.Learner(data, model_arguments={"width": 8}, run=tmp_path / "run", quiet=True)
    bundle = learn.fit(10, lr=0.02).export()
    large = draw.integers(0, 255, (50, 40), dtype=np.uint8)
    Image.fromarray(large).save(tmp_path / "large.png")
    for way, model in (((), tl.load(bundle)), (("--tiled",), tl.load(bundle).tiled())):
        words = ("predict", bundle, tmp_path / "large.png", *way, "--force", "-o", tmp_path / "o")
        assert call(*words)[0] == 0
        told = np.asarray(Image.open(tmp_path / "o" / "large.png"))
        assert np.array_equal(told, np.asarray(model.apply(large)))
    whole, tiled = (np.asarray(one.apply(large)) for one in (tl.load(bundle), model))
    assert not np.array_equal(whole, tiled)
    code, _, err = call("predict", restorer, tmp_path / "large.png", "--tiled", "-o", tmp_path)
    assert code == 2 and "answers with pictures" in err
