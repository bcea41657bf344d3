"""How pictures are varied, from the call or the command line to the run and its resume."""

import tomllib

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tests.cli.calling import call
from tests.stop_at import StopAt
from tilth.data.augment import NOTHING, Augment
from tilth.errors import UserError
from tilth.flow.phase import Interrupted
from tilth.flow.settings import DataSettings, Settings
from tilth.flow.sources import check_data_settings, read


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
        (True, Augment(rotate_degrees=0, zoom=1, warp=0, light=0, shift=0.125)),
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


def test_a_stopped_run_of_mixed_pictures_goes_on_to_the_same_weights(folder, tmp_path):
    """The second half knows of the changes what the first one wrote into its configuration."""

    def learner(data, name, *hooks):
        given = {"epochs": 2, "batch_size": 8, "device": "cpu", "lr": 0.01, "dtype": "float32"}
        run = tmp_path / name
        return tl.Learner(data, "mlp", run=run, hooks=hooks, quiet=True, **given)

    augment = {"mixup": 0.4, "cutmix": 1.0, "flip_vertical": True}
    whole = learner(tl.images(folder, augment=augment), "whole", StopAt(-1))
    whole.fit()
    with pytest.raises(Interrupted):
        learner(tl.images(folder, augment=augment), "part", StopAt(3)).fit()
    config = tomllib.loads((tmp_path / "part" / "config.toml").read_text())
    assert config["data"]["augment"] == augment
    again = learner(read(DataSettings(**config["data"])), "part", StopAt(-1))
    again.fit(resume=True)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name
    plain = learner(tl.images(folder), "plain")
    plain.fit()
    assert not torch.equal(next(plain.model.parameters()), next(whole.model.parameters()))


def test_fields_are_set_as_the_command_line_sets_them():
    settings = Settings().change("data.augment.rotate_degrees", "5")
    settings = settings.change("data.augment.pad", "zero").change("augment", "false")
    assert settings.data.augment == {"rotate_degrees": 5, "pad": "zero"}
    assert settings.train.augment is False
