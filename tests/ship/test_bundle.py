import json

import pytest
import torch
from safetensors.torch import load_file

from tests.ship.made import ANIMALS, ARGUMENTS, PRICE, Columns, Line, bundle, network
from tilth import files
from tilth.errors import UserError
from tilth.ship.bundle import FORMAT_VERSION, NEEDED
from tilth.ship.open_bundle import open_bundle


def test_a_bundle_is_plain_files_that_other_tools_read(tmp_path):
    model = network()
    folder = bundle(tmp_path / "model", model)
    names = {path.name for path in folder.iterdir()}
    assert names == {*NEEDED, "README.md", "manifest.json"}
    config = json.loads((folder / "config.json").read_text())
    assert config["format_version"] == FORMAT_VERSION
    assert config["architecture"] == {"name": "two_conv", "arguments": ARGUMENTS}
    assert (config["task"], config["temperature"]) == ("classify", 2.0)
    assert json.loads((folder / "labels.json").read_text()) == ["cat", "dog", "hen"]
    tensors = load_file(folder / "model.safetensors")
    assert all(torch.equal(tensors[name], value) for name, value in model.state_dict().items())
    assert files.verify(folder) == []


def test_what_was_saved_is_what_is_opened(tmp_path):
    model = network(seed=4)
    opened = open_bundle(bundle(tmp_path / "model", model))
    inputs = torch.randn(3, 3, 16, 16)
    assert torch.equal(opened.model(inputs), model.eval()(inputs))
    assert opened.task.target == ANIMALS
    assert opened.temperature == 2.0
    assert not opened.model.training
    assert not any(parameter.requires_grad for parameter in opened.model.parameters())


def test_numbers_keep_their_units(tmp_path):
    folder = tmp_path / "model"
    changes = {"target": PRICE, "task": "regress", "temperature": 1.0}
    architecture = {"name": "Line", "arguments": {}}
    bundle(folder, Line(), architecture=architecture, preprocessor=Columns(), **changes)
    opened = open_bundle(folder, plugins=[Line, Columns])
    assert opened.task.target == PRICE
    assert json.loads((folder / "labels.json").read_text()) == []


def test_an_existing_bundle_is_replaced_only_when_asked(tmp_path):
    folder = bundle(tmp_path / "model", network(seed=1))
    with pytest.raises(UserError, match=r"holds a bundle already.*--force"):
        bundle(folder, network(seed=2))
    bundle(folder, network(seed=2), force=True)
    kept = load_file(folder / "model.safetensors")
    assert torch.equal(kept["head.weight"], network(seed=2).head.weight)


def test_force_never_deletes_what_is_no_bundle(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="is not a bundle"):
        bundle(tmp_path, force=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_empty_folder_may_become_a_bundle(tmp_path):
    assert open_bundle(bundle(tmp_path)).task.name == "classify"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temperature": 0.0}, "temperature=0.0"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"task": "clasify"}, "did you mean 'classify'"),
        ({"architecture": {"name": "two_conv", "arguments": {**ARGUMENTS, "width": 8}}}, "do not"),
        ({"architecture": {"name": "Net", "arguments": {"size": {1, 2}}}}, "plain, finite values"),
        ({"architecture": {"name": "Net", "arguments": {"rate": float("inf")}}}, "plain, finite"),
        ({"card": {"etics": "none"}}, "did you mean 'ethics'"),
    ],
)
def test_what_could_not_be_read_back_is_refused_and_leaves_nothing(tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        bundle(tmp_path / "model", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def fail(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_bytes", fail)
    with pytest.raises(UserError, match="No space left on device"):
        bundle(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_saving_changes_nothing_in_the_model(tmp_path):
    model = network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    bundle(tmp_path / "model", model)
    assert torch.equal(torch.rand(4), expected)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
