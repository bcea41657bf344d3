"""Settings from Python, TOML and the command line."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.errors import UserError
from tilth.flow.settings import (
    DataSettings,
    Settings,
    TrainSettings,
    as_text,
    entry,
    fill,
)
from tilth.flow.settings_file import commented, read_settings
from tilth.flow.sources import listed
from tilth.train.toml import dump


def test_what_init_prints_is_read_back_as_the_same_settings(tmp_path):
    data = DataSettings(path=str(tmp_path / "naïve 模型"), target="price", fixes=("labels",))
    settings = Settings(data, train=TrainSettings(epochs=3, clip=0.5))
    path = tmp_path / "tilth.toml"
    path.write_text(commented(settings), encoding="utf-8")
    assert read_settings(path) == settings


def test_every_setting_is_in_what_init_prints(tmp_path):
    text = commented(Settings(DataSettings(path=str(tmp_path))))
    for room in (DataSettings, TrainSettings):
        for name in vars(room()):
            assert f"\n{name} = " in text or f"\n# {name} =" in text
    assert set(tomllib.loads(text)) == {"data", "model", "train", "task"}


def test_config_goes_round():
    settings = Settings().change("train.lr", "0.01").change("data.columns.zip", "category")
    settings = settings.change("model.arguments.width", "48").change("seed", "4")
    assert settings.data.columns == {"zip": "category"}
    assert settings.model.arguments == {"width": 48}
    assert (settings.train.lr, settings.train.seed) == (0.01, 4)
    settings = settings.change("data.fractions", "0.6,0.2,0.2").change("data.fixes", "labels")
    settings = settings.change("data.columns.year", "2")
    settings = settings.change("data.augment.rotate_degrees", "5").change(
        "data.augment.flip", "false"
    )
    settings = settings.change("augment", "false")
    assert settings.data.augment == {"rotate_degrees": 5, "flip": False}
    assert settings.train.augment is False
    assert settings.data.fractions == (0.6, 0.2, 0.2)
    assert settings.data.columns["year"] == "2"
    assert Settings.from_config(settings.to_config()) == settings


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("train.epoch", "3", "unknown setting 'train.epoch'.*did you mean 'train.epochs'"),
        ("trian.epochs", "3", "did you mean 'train'"),
        ("epochz", "3", "did you mean"),
        ("train.epochs", "many", "must be int"),
        ("data.size", "32x32", "one number, or HEIGHT,WIDTH. Fix: --size 72,96"),
        ("train.compile", "perhaps", "value of train.compile"),
        ("data.columns", "foo", "data.columns.NAME=foo"),
        ("data.colums.zip", "category", "did you mean 'data.columns'"),
        ("train.clip.x", "3", "did you mean train.clip=3"),
        ("data.fractions", "0.8,0.2", "3 values"),
        ("data.fractions", "a,b,c", "must be float"),
    ],
)
def test_wrong_changes_are_told(name, value, told):
    with pytest.raises(UserError, match=told):
        Settings().change(name, value)


def test_wrong_types_are_told_and_whole_numbers_are_numbers():
    with pytest.raises(UserError, match="size = '32x32'; size is one number, or HEIGHT,WIDTH"):
        fill(DataSettings, {"size": "32x32"})
    assert fill(TrainSettings, {"lr": 1}).lr == 1.0
    for wrong in ({"epochs": 2.5}, {"epochs": True}, {"compile": 1}, {"device": 3}):
        (name,) = wrong
        with pytest.raises(UserError, match=f"{name} must be"):
            fill(TrainSettings, wrong)


def test_a_relative_data_path_belongs_to_the_file(tmp_path):
    (tmp_path / "tilth.toml").write_text('[data]\npath = "flowers"\ntest = "later.csv"\n')
    found = read_settings(tmp_path / "tilth.toml").data
    assert (found.path, found.test) == (str(tmp_path / "flowers"), str(tmp_path / "later.csv"))


@pytest.mark.parametrize("name", ["masks", "pairs"])
def test_a_relative_folder_of_masks_or_pairs_belongs_to_the_file(tmp_path, monkeypatch, name):
    (tmp_path / "elsewhere" / "beside").mkdir(parents=True)
    for folder in ("set/pictures/inside", "set/beside"):
        (tmp_path / folder).mkdir(parents=True)
    file = tmp_path / "set/tilth.toml"

    def read(given):
        file.write_text(f'[data]\npath = "pictures"\n{name} = "{given}"\n')
        return getattr(read_settings(file).data, name)

    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read("beside") == str((tmp_path / "set/beside").resolve())
    assert read("inside") == str((tmp_path / "set/pictures/inside").resolve())
    assert read("{folder}annot/{stem}.png") == "{folder}annot/{stem}.png"
    monkeypatch.chdir(tmp_path / "set")
    given = Settings.from_config({"data": {"path": "pictures", name: "beside"}})
    assert f'{name} = "{(tmp_path / "set/beside").resolve()}"' in commented(given)


def test_broken_files_are_told(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_settings(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[data\n")
    with pytest.raises(UserError, match="is not TOML"):
        read_settings(tmp_path / "bad.toml")


def test_a_configuration_of_a_world_keeps_its_name():
    settings = Settings(data=DataSettings(path="env:CartPole-v1"))
    assert 'path = "env:CartPole-v1"' in commented(settings)


def test_a_configuration_of_a_world_is_read_as_it_is(tmp_path):
    (tmp_path / "w.toml").write_text('[data]\npath = "env:CartPole-v1"\n')
    assert read_settings(tmp_path / "w.toml").data.path == "env:CartPole-v1"


PLAIN = st.text() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)


@given(st.recursive(PLAIN, lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_any_value_is_said_as_a_text_that_is_read_as_the_same(value):
    said = entry(as_text(value), dict[str, Any])
    assert said == value and type(said) is type(value)


def test_a_list_and_a_table_are_set_as_toml_and_half_of_one_is_told():
    settings = Settings().change("model.arguments.layers", "[16, 8]")
    assert settings.change("task.arguments.more", "{a = 1}").task.arguments == {"more": {"a": 1}}
    assert settings.model.arguments == {"layers": [16, 8]}
    with pytest.raises(UserError, match=r"value \[16, 8; .* is TOML.*\[16, 8\]"):
        Settings().change("model.arguments.layers", "[16, 8")
    assert settings.change("model.arguments.layers", " [3]").model.arguments == {"layers": [3]}
    with pytest.raises(UserError, match="is TOML"):  # and not the list alone
        Settings().change("model.arguments.layers", "[16, 8]\nlr = 3")


def test_names_in_one_text_lose_the_spaces_between():
    names = Settings().change("data.names", "sky, light pole,void,").data.names
    assert names == ("sky", "light pole", "void") == listed(["sky", " light pole", "void "])


def test_the_settings_of_a_run_are_read_and_those_that_are_not_all_of_it_refused(tmp_path):
    asked = Settings(data=DataSettings(path="/pictures", size=12), train=TrainSettings(epochs=3))
    run = {"seed": 0, **asked.to_config(), "phase": [{"epochs": 3}]}
    path = tmp_path / "config.toml"
    path.write_text(dump(run))
    assert read_settings(path) == asked
    path.write_text(dump({"seed": 0, **asked.to_config()}))  # killed before its first phase
    assert read_settings(path) == asked
    refused = {
        r"parts of its own \(model MyNet\)": {"own": {"model": ["MyNet"]}},
        "data in memory": {"data": {}},
        "a command that makes or splits its data itself": {"again": "tilth train a/ --folds 3"},
    }
    for told, more in refused.items():
        path.write_text(dump({**run, **more}))
        with pytest.raises(UserError, match=f"{told}.*Fix: "):
            read_settings(path)
    path.write_text("seed = 3\n" + dump(asked.to_config()))  # no run's, which would say it twice
    with pytest.raises(UserError, match="unknown section 'seed'"):
        read_settings(path)


@pytest.mark.parametrize(
    ("train", "frozen", "left"),
    [
        ({}, [0], 0),
        ({"frozen": 2}, [2, 0], 1),
        ({"freeze_epochs": 1}, [2], 0),  # killed in the first phase
        ({"freeze_epochs": 1}, [2, 0], 0),
        ({"freeze_epochs": 1}, [2, 0, 0], 1),
        ({"freeze_epochs": 1, "gradual": True}, [3, 2, 1, 0], 0),
        ({"freeze_epochs": 1, "gradual": True}, [3, 2, 1, 0, 0], 1),
    ],
)
def test_a_run_of_more_fits_than_its_settings_ask_for_is_refused(train, frozen, left, tmp_path):
    phases = [{"epochs": 2, "lr": 0.01, "frozen": count} for count in frozen]
    config = {"seed": 0, "data": {"path": "/pictures"}, "train": {"seed": 0, **train}}
    (tmp_path / "config.toml").write_text(dump({**config, "phase": phases}))
    if not left:
        assert read_settings(tmp_path / "config.toml").train == fill(TrainSettings, train)
        return
    with pytest.raises(UserError, match=r"left out would be 2 epochs at 0\.01\. Fix: .*script"):
        read_settings(tmp_path / "config.toml")
