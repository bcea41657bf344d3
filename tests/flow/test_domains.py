"""Two folders of pictures from the command line to a resume."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tests.cli.calling import call
from tests.tasks.test_adapt import bars
from tilth.errors import UserError
from tilth.flow.phase import Phase
from tilth.flow.settings import (
    DataSettings,
    ModelSettings,
    Settings,
    TaskSettings,
    TrainSettings,
)
from tilth.flow.sources import check_data_settings, read
from tilth.flow.train import Job, resume, train


@pytest.fixture
def folders(tmp_path):
    """A source in class folders, a target of another size in one heap, and one with labels."""
    for name, seed, side in (("source", 0, 16), ("named", 1, 20)):
        for number, (pixels, label) in enumerate(zip(*bars(60, seed), strict=True)):
            place = tmp_path / name / label
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).resize((side, side)).save(place / f"{number}.png")
    (tmp_path / "heap").mkdir()
    for number, pixels in enumerate(bars(60, 2, dim=0.5)[0]):
        Image.fromarray(pixels).resize((20, 20)).save(tmp_path / "heap" / f"{number}.png")
    return tmp_path


def test_paths_are_read_alike_and_go_to_the_configuration(folders):
    data = tl.domains(folders / "source", folders / "named")
    assert data.onto.preprocessor.height == 16 and data.labelled
    assert not tl.domains(folders / "source", folders / "heap").labelled
    again = read(DataSettings(path=str(folders / "source"), onto=str(folders / "named")))
    assert again.fingerprint() == data.fingerprint()
    assert again.origin == data.origin
    larger = tl.domains(folders / "source", folders / "named", size=24)
    assert larger.model_arguments()["size"] == 24
    assert read(DataSettings(**larger.origin)).fingerprint() == larger.fingerprint()
    varied = tl.domains(folders / "source", folders / "named", augment={"mixup": 0.2})
    again = read(DataSettings(**varied.origin))
    assert again.source.augment == again.onto.augment == varied.source.augment
    assert varied.source.augment.mixup == 0.2


def test_a_stopped_run_goes_on_from_its_own_configuration(folders, tmp_path, monkeypatch):
    mixed = {"mixup": 0.4, "cutmix": 1.0}
    data = DataSettings(path=str(folders / "source"), onto=str(folders / "named"), augment=mixed)
    settings = Settings(
        data,
        ModelSettings("domain_net", {"width": 4, "hidden": 8}),
        TrainSettings(epochs=1, batch_size=8, device="cpu", lr=0.01, augment=True),
        TaskSettings("adapt", {"method": "cdan"}),
    )
    whole, _ = train(Job(settings, tmp_path / "whole", quiet=True))

    def killed(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Phase, "fit", killed)
        train(Job(settings, tmp_path / "part", quiet=True))
    run, _ = resume(tmp_path / "part", quiet=True)
    found = run.learner.model.state_dict()
    for name, value in whole.learner.model.state_dict().items():
        assert torch.equal(found[name], value), name


def test_the_command_line_adapts_and_says_both_folders(folders, tmp_path):
    out = tmp_path / "run"
    words = ["train", str(folders / "source"), "--onto", str(folders / "named")]
    words += ["--task", "adapt", "--epochs", "1", "-o", str(out), "--json", "--device", "cpu"]
    words += ["--set", "model.arguments.width=4", "--set", "model.arguments.hidden=8"]
    code, text, err = call(*words)
    assert code == 0, err
    said = json.loads(text.strip().splitlines()[-1])
    assert said["task"] == "adapt" and said["baseline_name"] == "source_only"
    config = (out / "config.toml").read_text()
    assert str(folders / "source") in config and str(folders / "named") in config
    code, text, err = call("predict", out, folders / "heap", "--json")
    assert code == 0, err
    lines = [json.loads(line) for line in text.strip().splitlines()]
    assert len(lines) == 60 and {one["prediction"] for one in lines} <= {"low", "middle", "high"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"onto": "nowhere"}, "onto='nowhere': there is nothing"),
        ({"onto": "{source}"}, "is both source and target"),
        ({"onto": "{heap}", "labels": "(.)"}, "labels='\\(.\\)' with two sets"),
        ({"path": "env:CartPole-v1", "onto": "{heap}"}, "onto is a setting of pictures"),
    ],
)
def test_what_can_be_told_before_reading(folders, changes, told):
    given = {"path": str(folders / "source"), **changes}
    given = {
        name: str(folders / value[1:-1]) if value.startswith("{") else value
        for name, value in given.items()
    }
    with pytest.raises(UserError, match=told):
        check_data_settings(DataSettings(**given))


def test_copies_of_a_folder_are_one_set(folders):
    copied = folders / "copied"
    for path in sorted((folders / "source").glob("*/*.png")):
        place = copied / path.relative_to(folders / "source")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="are the same pictures"):
        tl.domains(folders / "source", copied)
    assert np.array_equal(
        tl.domains(folders / "source", folders / "heap").sides("test")[0],
        tl.images(folders / "source").splits["test"],
    )
