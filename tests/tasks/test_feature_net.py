"""The net that a loss looks with: a bundle as it was trained, or one that the labels train."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import tilth as tl
from tests.tasks.test_restore import digits
from tilth.errors import UserError
from tilth.nn.features import fingerprint
from tilth.tasks import _feature_net, _judges, _taught_net
from tilth.tasks._feature_net import feature_net
from tilth.tasks._judges import judge_of
from tilth.tasks._taught_net import taught


@pytest.fixture
def setup():
    return tl.Learner(digits(), task="restore", quiet=True, device="cpu").setup()


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    given = {"width": 4, "stages": 2}
    folder = tmp_path_factory.mktemp("vgg") / "run"
    learner = tl.Learner(
        digits(), "small_vgg", model_arguments=given, quiet=True, epochs=1, run=folder
    )
    return learner.fit()


def test_a_bundle_sees_pictures_in_the_unit_range_as_its_own_model_does(setup, vgg):
    vgg.export()
    net = feature_net(setup, str(vgg.path))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), dtype=np.uint8)
    body = vgg.learner.model.body.eval()
    with torch.no_grad():
        x = vgg.learner.data.preprocessor(list(pixels))
        wanted = []
        for layer in body[:-2]:
            if isinstance(layer, torch.nn.MaxPool2d):
                wanted.append(x)
            x = layer(x)
        found = net(torch.from_numpy(pixels / 255).float())
    assert len(found) == len(wanted) == 2
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_local_net_is_trained_once_and_is_the_same_for_every_seed(setup, monkeypatch):
    first = feature_net(setup, None)
    monkeypatch.setattr(_taught_net, "_loop", None)  # a second training would fail
    other = dataclasses.replace(setup, plan=dataclasses.replace(setup.plan, seed=5))
    assert fingerprint(feature_net(other, None)) == fingerprint(first)


def test_a_judge_is_taught_once_and_the_same_out_of_the_cache(setup, monkeypatch, tmp_path):
    monkeypatch.setenv("TILTH_CACHE", str(tmp_path / "cache"))
    first = judge_of(setup.data, setup.device)
    monkeypatch.setattr(_taught_net, "_loop", None)  # a second training would fail
    second = judge_of(setup.data, setup.device)
    assert fingerprint(second.body) == fingerprint(first.body)
    modes = [(m.training, p.requires_grad) for m in second.body.modules() for p in m.parameters()]
    assert modes and not any(map(any, modes))


def test_a_cache_that_cannot_be_written_or_does_not_fit_changes_nothing(
    setup, monkeypatch, tmp_path
):
    lesson = dataclasses.replace(_judges.lesson(setup.data), steps=2)
    monkeypatch.setenv("TILTH_CACHE", str(tmp_path / "cache"))
    first = fingerprint(taught(setup.data, lesson, setup.device))
    (kept,) = (tmp_path / "cache" / "judge").iterdir()
    tensors = load_file(kept)
    tensors["head.bias"] = torch.zeros(3)
    tensors["head.weight"] += 1
    save_file(tensors, kept)
    assert fingerprint(taught(setup.data, lesson, setup.device)) == first
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TILTH_CACHE", str(tmp_path / "file"))
    assert fingerprint(taught(setup.data, lesson, setup.device)) == first


def test_pictures_of_one_folder_read_in_other_sizes_have_nets_of_their_own(tmp_path):
    stream = np.random.default_rng(0)
    for place in range(60):
        folder = tmp_path / "cd"[place % 2]
        folder.mkdir(exist_ok=True)
        pixels = stream.integers(0, 256, (12, 16), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{place}.png")
    ways = [{"size": 8}, {"size": 8}, {"size": 16}, {"size": 8, "fit": "crop"}]
    read = [tl.images(tmp_path, **way).in_range(0.0, 1.0) for way in ways]
    found = [_taught_net._key(data, _feature_net.lesson(data)) for data in read]
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_the_local_net_tells_the_classes_apart(setup):
    net = _feature_net._trained(setup.data, setup.device)
    data = setup.data
    rows = torch.from_numpy(data.splits["valid"])
    inputs = data.prepare(train=False)(data.store.take(rows), rows, 0)
    train = torch.from_numpy(data.splits["train"])
    with torch.no_grad():
        net.eval()
        codes = net(inputs)
        known = net(data.prepare(train=False)(data.store.take(train), train, 0))
    nearest = torch.cdist(codes, known).argmin(1)
    assert (data.targets[train][nearest] == data.targets[rows]).float().mean() > 0.8


def test_what_is_no_bundle_or_sees_otherwise_is_refused(setup, vgg, tmp_path):
    with pytest.raises(UserError, match="no sound bundle"):
        feature_net(setup, str(tmp_path))
    flat = tl.Learner(digits(), "mlp", quiet=True, epochs=1, run=tmp_path / "flat").fit()
    flat.export()
    with pytest.raises(UserError, match=r"at least one place|chain of layers"):
        feature_net(setup, str(flat.path))
    colour = tl.arrays(np.zeros((60, 8, 8, 3), np.uint8), np.arange(60) % 2)
    other = tl.Learner(colour, task="restore", quiet=True, device="cpu").setup()
    with pytest.raises(UserError, match="3 channels"):
        feature_net(other, str(vgg.export()))


def test_numbers_to_predict_train_no_net(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    data = tl.arrays(pixels, np.random.default_rng(0).normal(size=60))
    setup = tl.Learner(data, task="restore", quiet=True, device="cpu").setup()
    with pytest.raises(UserError, match="learns from labels"):
        feature_net(setup, None)
