import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision import models

import tilth as tl
from tests.models.test_timm_backbone import prefixed
from tilth.contracts import Batch
from tilth.data.dataset import Target
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.errors import UserError
from tilth.flow.fitting_models import named_model
from tilth.models.torchvision_backbone import known, torchvision_backbone
from tilth.nn.layer_groups import group_parameters, layer_groups
from tilth.objectives.supervised import CrossEntropy, Supervised
from tilth.registry import build as build_named
from tilth.ship.bundle import save_bundle
from tilth.ship.open_bundle import open_bundle

COUNTS = {
    "alexnet": 61_100_840,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "googlenet": 13_004_888,  # with the two auxiliary heads that learn
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnext50_32x4d": 25_028_904,
    "densenet121": 7_978_856,
    "seresnet50": 28_088_024,
    "squeezenet1_0": 1_248_424,
    "squeezenet1_1": 1_235_496,
}


def build(backbone="resnet18", **changes):
    torch.manual_seed(0)
    arguments = {"channels": 3, "size": 64, "outputs": 4}
    return torchvision_backbone(backbone=backbone, **(arguments | changes))


@pytest.fixture
def weights(tmp_path):
    """A file as torchvision would leave it, for 3 channels and 9 classes."""
    torch.manual_seed(7)
    model = models.squeezenet1_1(weights=None, num_classes=9)
    path = tmp_path / "weights.safetensors"
    save_file(model.state_dict(), path)
    return path, model.eval()


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_nets_by_their_own_names_have_the_published_number_of_weights(name, count):
    file, arguments = named_model(name)
    with torch.device("meta"):
        net = build_named(
            "tilth.models", file, {**arguments, "channels": 3, "size": 224, "outputs": 1000}
        )
    assert sum(p.numel() for p in net.parameters()) == count


def test_googlenet_without_its_auxiliary_heads_has_its_published_number():
    with torch.device("meta"):
        net = build("googlenet", size=224, outputs=1000)
    assert sum(p.numel() for p in net.parameters()) == 6_624_904


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "googlenet", "squeezenet1_1"])
def test_answers_are_those_of_torchvision(name, tmp_path):
    """On random weights under its names; SqueezeNet's without the ReLU after its last layer."""
    torch.manual_seed(1)
    init = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    theirs = models.get_model(name, weights=None, num_classes=5, **init).eval()
    path = tmp_path / "weights.safetensors"
    save_file(theirs.state_dict(), path)
    ours = build(name, outputs=5, weights=str(path)).eval()
    last = (
        theirs.classifier[1]
        if name == "squeezenet1_1"
        else next(getattr(theirs, key) for key in ("fc", "classifier") if hasattr(theirs, key))
    )
    state = last.state_dict()
    ours.head.load_state_dict({"weight": state["weight"].flatten(1), "bias": state["bias"]})
    if name == "squeezenet1_1":
        theirs.classifier[2] = nn.Identity()
    pictures = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(pictures), theirs(pictures), rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_the_first_convolution_is_adapted_as_timm_does(channels, weights):
    path, theirs = weights
    ours = build("squeezenet1_1", channels=channels, weights=str(path)).body.features[0]
    kernel = theirs.features[0].weight
    if channels == 1:
        expected = kernel.sum(1, keepdim=True)
    else:
        expected = torch.cat([kernel, kernel], 1)[:, :channels] * 3 / channels
    torch.testing.assert_close(ours.weight, expected)


def test_a_fourth_channel_of_zeros_changes_nothing(weights):
    path, _ = weights
    colour = build("squeezenet1_1", weights=str(path)).eval()
    four = build("squeezenet1_1", channels=4, weights=str(path), more_channels="zero").eval()
    pictures = torch.rand(2, 4, 64, 64)
    torch.testing.assert_close(four.body(pictures), colour.body(pictures[:, :3]))
    with pytest.raises(UserError, match="unknown rule for more channels 'mean'"):
        build("squeezenet1_1", channels=4, weights=str(path), more_channels="mean")


def test_weights_go_round_through_a_file_and_a_wrappers_prefix(weights, tmp_path):
    path, _ = weights
    first = build("squeezenet1_1", weights=str(path))
    again = tmp_path / "again.safetensors"
    save_file(first.body.state_dict(), again)
    prefixed(again, "model.")
    assert all(key.startswith("model.") for key in load_file(again))
    second = build("squeezenet1_1", outputs=7, weights=str(again))
    state = second.body.state_dict()
    assert all(torch.equal(state[key], value) for key, value in first.body.state_dict().items())
    with pytest.raises(UserError, match=r"does not fit: .*tensors the model lacks"):
        build("squeezenet1_0", weights=str(path))


def test_old_names_of_the_densenet_files_are_understood(tmp_path):
    """The published files say norm.1 where the layers are called norm1 today."""
    torch.manual_seed(3)
    theirs = models.densenet121(weights=None)
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key): value
        for key, value in theirs.state_dict().items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    path = tmp_path / "old.safetensors"
    save_file(old, path)
    state = build("densenet121", weights=str(path)).body.state_dict()
    wanted = theirs.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in state.items())


def test_the_cache_of_torch_is_read_once_it_was_converted(weights, tmp_path, monkeypatch):
    path, theirs = weights
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    with pytest.raises(UserError, match=r"nothing is downloaded.*once it is there"):
        build("squeezenet1_1", weights="cache")
    (folder / "squeezenet1_1-b8a52dc0.pth").write_bytes(b"a pickle is never opened")
    with pytest.raises(UserError, match=r"it is there.*safetensors.torch as st; st.save_file"):
        build("squeezenet1_1", weights="cache")
    path.rename(folder / "squeezenet1_1-b8a52dc0.safetensors")
    net = build("squeezenet1_1", weights="cache")
    assert torch.equal(net.body.features[0].weight, theirs.features[0].weight)


def test_the_line_that_converts_a_file_works(tmp_path):
    """What the message proposes is run as it stands."""
    path = tmp_path / "mine.pth"
    torch.save(models.squeezenet1_1(weights=None).state_dict(), path)
    with pytest.raises(UserError) as refused:
        build("squeezenet1_1", weights=str(path))
    exec(str(refused.value).partition("trusts it: ")[2].rstrip("."))
    build("squeezenet1_1", weights=str(path.with_suffix(".safetensors")))


@pytest.mark.parametrize(("name", "size", "least"), [("alexnet", 32, 63), ("squeezenet1_0", 8, 21)])
def test_pictures_that_shrink_to_nothing_are_told_with_the_smallest_that_do_not(name, size, least):
    with pytest.raises(UserError, match=rf"{name} cannot take .*use pictures of {least} px or"):
        build(name, size=size)
    with torch.device("meta"):
        build(name, size=least)
        with pytest.raises(UserError):
            build(name, size=least - 1)


@pytest.mark.parametrize("name", ["resnet18", "resnext50_32x4d"])
def test_a_small_stem_keeps_the_size_of_small_pictures(name):
    with torch.device("meta"):
        net = build(name, channels=2, stem="small")
        stem = nn.Sequential(net.body.conv1, net.body.bn1, net.body.relu, net.body.maxpool)
        assert stem(torch.zeros(1, 2, 32, 32)).shape == (1, 64, 32, 32)
    assert net.body.conv1.kernel_size == (3, 3)
    with pytest.raises(UserError, match="stem='small' for SqueezeNet"):
        build("squeezenet1_1", stem="small")


@pytest.mark.parametrize("name", ["resnet19", "swin_t", "inception_v3", "", "get_model"])
def test_other_names_are_refused(name):
    with pytest.raises(UserError, match="unknown backbone"):
        build(name)
    assert name not in known()


def test_the_gradient_of_the_auxiliary_heads_reaches_the_stem():
    """Of their losses alone: without what comes back through the last layers."""
    net = build("googlenet", auxiliary=0.3)
    batch = Batch(torch.rand(4, 3, 64, 64), torch.arange(4), torch.arange(4))
    parts = Supervised(CrossEntropy())(net, batch, None).parts
    extra = [part for name, part in parts.items() if name != "loss"]
    assert [part.weight for part in extra] == [0.3, 0.3]
    sum(part.total for part in extra).backward()
    assert net.body.conv1.conv.weight.grad.abs().sum() > 0
    assert net.head.weight.grad is None and net.body.inception5b.branch1.conv.weight.grad is None
    assert all(p.grad.abs().sum() > 0 for p in net.auxiliary.parameters())


def test_the_auxiliary_heads_are_torchvisions():
    """The same weights, mode and dropout draws give torchvision's three outputs."""
    ours = build("googlenet", auxiliary=0.3)
    theirs = models.GoogLeNet(num_classes=4, aux_logits=True, init_weights=False)
    theirs.load_state_dict(
        {
            **ours.body.state_dict(),
            **{f"fc.{key}": value for key, value in ours.head.state_dict().items()},
            **{f"aux1.{k}": v for k, v in ours.auxiliary["inception4a"].state_dict().items()},
            **{f"aux2.{k}": v for k, v in ours.auxiliary["inception4d"].state_dict().items()},
        }
    )
    for net in (ours, theirs):
        for module in net.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    pictures = torch.rand(2, 3, 64, 64)
    logits, extra = ours.with_auxiliary(pictures)
    expected = theirs(pictures)
    for found, wanted in zip(
        (logits, extra["inception4a"], extra["inception4d"]),
        (expected.logits, expected.aux_logits1, expected.aux_logits2),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_bundle_of_googlenet_holds_nothing_of_the_auxiliary_heads(tmp_path):
    """After a step in which they learned; the answers are those of the net that has them."""
    net = build("googlenet", size=32, auxiliary=0.3)
    net.train()(torch.rand(4, 3, 32, 32))  # running statistics that are not those of the start
    arguments = {"backbone": "googlenet", "channels": 3, "size": 32, "outputs": 4}
    bundle = save_bundle(
        tmp_path / "model",
        model=net,
        architecture={
            "name": "torchvision_backbone",
            "arguments": {**arguments, "auxiliary": 0.3, "weights": None},
        },
        preprocessor=ImagePreprocessor(32, 32, 3, mean=(0.0,) * 3, std=(1.0,) * 3),
        target=Target("kind", "classes", ("a", "b", "c", "d")),
        task="classify",
        temperature=1.0,
        card={"name": "kinds"},
    )
    tensors = load_file(bundle / "model.safetensors")
    assert sum(value.numel() for key, value in tensors.items()) > 5_000_000
    assert not any("auxiliary" in key for key in tensors)
    assert json.loads((bundle / "config.json").read_text())["architecture"] == {
        "name": "torchvision_backbone",
        "arguments": arguments,
    }
    inputs = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(open_bundle(bundle).model.eval()(inputs), net.eval()(inputs))


@pytest.mark.slow
def test_googlenet_by_its_name_learns_with_auxiliary_heads_and_is_shipped_without(tmp_path):
    pictures = torch.randint(0, 255, (24, 3, 32, 32), dtype=torch.uint8)
    data = tl.arrays(pictures, torch.arange(24) % 2)
    settings = {"epochs": 1, "batch_size": 8, "lr": 1e-3, "quiet": True, "augment": False}
    learn = tl.Learner(data, "googlenet", run=tmp_path / "run", **settings)
    before = learn.model.auxiliary["inception4a"].fc2.weight.clone()
    run = learn.fit()
    assert not torch.equal(before, learn.model.auxiliary["inception4a"].fc2.weight)
    opened = open_bundle(run.export(tmp_path / "bundle"))
    inputs = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(opened.model.eval()(inputs), learn.model.eval()(inputs))


def test_only_googlenet_has_auxiliary_heads():
    with pytest.raises(UserError, match=r"auxiliary=0.3 for resnet18"):
        build("resnet18", auxiliary=0.3)
    with pytest.raises(UserError, match=r"auxiliary=-1"):
        build("googlenet", auxiliary=-1.0)


def test_auxiliary_heads_learn_with_the_head():
    net = torchvision_backbone(backbone="googlenet", channels=3, size=64, outputs=2, auxiliary=0.3)
    groups = group_parameters(layer_groups(net))
    last = {id(one) for one in groups[-1]}
    answering = [*net.auxiliary.parameters(), *net.head.parameters()]
    assert last == {id(one) for one in answering}
    assert sum(map(len, groups)) == len(list(net.parameters()))
