"""How pictures are varied, from the call or the command line to the run and its resume."""

import tomllib

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tests.cli.calling import call
from tilth.data.augment import NOTHING, Augment
from tilth.errors import UserError
from tilth.flow.phase import Phase
from tilth.flow.settings import DataSettings, ModelSettings, Settings, TrainSettings
from tilth.flow.sources import check_data_settings, read
from tilth.flow.train import Job, resume, train


@pytest.fixture
def folder(tmp_path):
    """Forty pictures of 10 px in two classes."""
    stream = np.random.default_rng(0)
    for number in range(40):
        place = tmp_path / "shades" / ("dark", "light")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = stream.integers(0, 60, (10, 10, 3)) + 150 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number}.png")
    return tmp_path / "shades"


@pytest.mark.parametrize(
    ("wish", "chosen"),
    [
        (True, Augment(rotate_degrees=0, zoom=1, warp=0, light=0, shift=0.125, cutout=0.25)),
        ({"shift": 0, "cutout": 0, "pad": "mean"}, Augment(True, False, 0, 1, 0, 0, 0, "mean")),
        (Augment(zoom=1.5), Augment(zoom=1.5)),
        (False, NOTHING),
    ],
    ids=["usual", "fields", "whole", "none"],
)
def test_what_is_asked_for_is_in_the_origin_and_read_back(folder, wish, chosen):
    data = tl.images(folder, augment=wish)
    assert data.augment == (None if wish is False else chosen)
    again = read(DataSettings(**data.origin))
    assert again.augment == chosen and again.origin == data.origin
    rows = torch.arange(40)
    raw = data.store.take(rows)
    both = [one.prepare(train=True, seed=1)(raw, rows, 2) for one in (data, again)]
    assert torch.equal(*both)


def test_a_wrong_field_or_value_is_told_before_anything_is_read(folder):
    for wrong, told in (
        ({"turn": 5}, r"unknown field of augment 'turn'. Choices: .*rotate_degrees"),
        ({"zoom": 0.5}, "zoom is between 1 and 10"),
        ({"pad": "edge"}, "unknown pad 'edge'. Choices: mean, reflect, zero"),
    ):
        with pytest.raises(UserError, match=told):
            tl.images(folder, augment=wrong)
        with pytest.raises(UserError, match=told):
            check_data_settings(DataSettings(path=str(folder), augment=wrong))
    code, _, err = call("train", folder, "--set", "data.augment.turn=5")
    assert code != 0 and "unknown field of augment 'turn'" in err


def test_a_stopped_run_of_mixed_pictures_goes_on_to_the_same_weights(folder, tmp_path, monkeypatch):
    settings = Settings(
        DataSettings(str(folder), augment={"mixup": 0.4, "flip_vertical": True}),
        ModelSettings("mlp"),
        TrainSettings(epochs=2, batch_size=8, device="cpu", lr=0.01, dtype="float32"),
    )
    settings = settings.change("data.augment.cutmix", "1.0")  # as --set does it
    whole, _ = train(Job(settings, tmp_path / "whole", quiet=True))

    def killed(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Phase, "fit", killed)
        train(Job(settings, tmp_path / "part", quiet=True))
    run, _ = resume(tmp_path / "part", quiet=True)
    config = tomllib.loads((tmp_path / "part" / "config.toml").read_text())
    assert config["data"]["augment"] == {"mixup": 0.4, "flip_vertical": True, "cutmix": 1.0}
    assert run.learner.data.augment.cutmix == 1.0
    found = run.learner.model.state_dict()
    for name, value in whole.learner.model.state_dict().items():
        assert torch.equal(found[name], value), name
