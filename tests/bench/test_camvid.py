"""The recipe of CamVid's full size goes through its pieces, and takes finished ones as they are."""

import json
from argparse import Namespace

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import tilth as tl
from bench import camvid
from tilth.registry import build
from tilth.train.run_folder import RunFolder


def streets(folder):
    """Write pictures of two halves, and masks of them, in the parts that CamVid has."""
    draw = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 6), ("test", 6)):
        for kind in ("", "annot"):
            (folder / f"{part}{kind}").mkdir(parents=True)
        for number in range(count):
            edge = int(draw.integers(10, 26))
            pixels = draw.integers(0, 60, (36, 48, 3)).astype(np.uint8)
            pixels[edge:] += 150
            mask = np.zeros((36, 48), dtype=np.uint8)
            mask[edge:] = 3
            mask[0] = 11
            Image.fromarray(pixels).save(folder / part / f"{number}.jpg")
            Image.fromarray(mask).save(folder / f"{part}annot" / f"{number}.png")


def test_pieces_follow_each_other_and_are_done_once(tmp_path, monkeypatch, capsys):
    streets(tmp_path / "data" / "camvid")
    monkeypatch.setenv("TILTH_DATA", str(tmp_path / "data"))
    net = timm.create_model("test_resnet", num_classes=0)
    save_file(net.state_dict(), tmp_path / "body.safetensors")
    asked = ["weights", str(tmp_path / "runs"), "--encoder", "test_resnet", "--epochs", "2"]
    asked += ["--weights", str(tmp_path / "body.safetensors"), "--reduce", "10"]
    camvid.main(asked)
    told = capsys.readouterr().out.splitlines()
    pieces = [json.loads(line) for line in told if line.startswith("{")]
    assert [piece["piece"] for piece in pieces] == ["weights-half", "weights-whole"]
    half, whole = (RunFolder.open(tmp_path / "runs" / piece["piece"]) for piece in pieces)
    assert whole.config["model"]["warm_start"] == str(half.path)
    assert (half.config["data"]["size"], whole.config["data"]["size"]) == ([18, 24], [36, 48])
    begun = [path.stat().st_mtime_ns for path in (half.model, whole.model)]
    camvid.main(asked)
    assert begun == [path.stat().st_mtime_ns for path in (half.model, whole.model)]


def test_the_papers_protocol_is_two_pieces_of_its_net(tmp_path):
    """Jegou et al. 2017: FC-DenseNet103; 367 teach, two thirds of 101 choose, 233 judge."""
    streets(tmp_path / "data")
    folder = camvid.arranged(tmp_path / "data", tmp_path / "links", camvid.SPLITS["scratch"])
    parts = {part: len(list((folder / part).iterdir())) for part in ("train", "val", "test")}
    assert parts == {"train": 12, "val": 6, "test": 6}
    told = {"masks": "{folder}annot/{stem}.png", "names": camvid.STREETS, "void": ["void"]}
    splits = tl.images(folder, size=(18, 24), **told).splits
    counts = {part: len(rows) for part, rows in splits.items()}
    assert counts == {"train": 12, "valid": 4, "calibrate": 2, "test": 6}  # val's 6 by two and one
    options = Namespace(reduce=1, epochs=200)
    (half, first), (_, second) = camvid.pieces("scratch", folder, tmp_path, options)
    assert (first.data.size, second.data.size) == ((180, 240), (360, 480))
    assert (first.train.epochs, second.train.epochs) == (100, 200)
    given = {"channels": 3, "size": 224, "pixel_outputs": 11, **first.model.arguments}
    with torch.device("meta"):
        net = build("tilth.models", first.model.name, given)
    assert sum(values.numel() for values in net.parameters()) == 9_322_091
    assert second.model.warm_start == str(half)
