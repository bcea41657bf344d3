import pickle

import pytest
import timm
import torch
from safetensors.torch import save_file

from tilth.errors import UserError
from tilth.models.timm_backbone import timm_backbone

TINY = "test_resnet"


@pytest.fixture
def weights(tmp_path):
    """A file as timm's own training would leave it, for 3 channels and 9 classes."""
    torch.manual_seed(7)
    model = timm.create_model(TINY, pretrained=False, num_classes=9)
    for name, value in model.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            value.copy_(torch.rand_like(value) + 0.5)
    path = tmp_path / "weights.safetensors"
    save_file(model.state_dict(), path)
    return path, model.eval()


def build(**changes):
    arguments = {"backbone": TINY, "channels": 3, "size": 32, "outputs": 4}
    return timm_backbone(**(arguments | changes))


def prefixed(path, prefix, extra=None):
    """Write the same tensors as a wrapper would have named them."""
    from safetensors.torch import load_file

    state = {prefix + name: value for name, value in load_file(path).items()}
    save_file(state | (extra or {}), path)


@pytest.mark.parametrize("backbone", [TINY, "test_vit", "test_efficientnet", "test_convnext"])
def test_features_are_those_of_timm(backbone):
    size = timm.get_pretrained_cfg(backbone).input_size[1]
    net = build(backbone=backbone, size=size).eval()
    theirs = timm.create_model(backbone, pretrained=False, num_classes=0).eval()
    theirs.load_state_dict(net.body.state_dict())
    x = torch.randn(2, 3, size, size)
    assert torch.equal(net.body(x), theirs(x))


def test_a_vision_transformer_is_made_for_the_pictures_size():
    net = build(backbone="test_vit", size=64)
    assert net(torch.randn(2, 3, 64, 64)).shape == (2, 4)


def test_the_weights_of_a_local_file_are_loaded(weights):
    path, theirs = weights
    net = build(weights=str(path)).eval()
    x = torch.randn(2, 3, 32, 32)
    expected = theirs.forward_head(theirs.forward_features(x), pre_logits=True)
    assert torch.equal(net.body(x), expected)


@pytest.mark.parametrize("prefix", ["model.", "module.backbone.", "net."])
def test_a_prefix_of_a_wrapper_is_taken_off(weights, prefix):
    path, theirs = weights
    prefixed(path, prefix, {"optimizer_step": torch.tensor(3)})
    net = build(weights=str(path))
    state = net.body.state_dict()
    assert all(torch.equal(state[k], v) for k, v in theirs.state_dict().items() if k in state)


def test_the_cache_that_timm_fills_is_read(weights, tmp_path, monkeypatch):
    path, theirs = weights
    config = timm.get_pretrained_cfg(TINY)
    asked = []

    def cached(repository, name):
        asked.append((repository, name))
        return str(path) if len(asked) > 1 else None

    monkeypatch.setattr("tilth.models.timm_backbone.try_to_load_from_cache", cached)
    with pytest.raises(UserError, match=r"no weights of test_resnet are in the cache.*nothing is"):
        build(weights="cache")
    state = build(weights="cache").body.state_dict()
    assert all(torch.equal(state[k], v) for k, v in theirs.state_dict().items() if k in state)
    assert asked == [(config.hf_hub_id, "model.safetensors")] * 2


@pytest.mark.parametrize("channels", [2, 4])
def test_another_number_of_channels_is_adapted_as_timm_does(channels, weights):
    """Repeated and scaled; or with zeros for the fourth, which then changes nothing."""
    path, theirs = weights
    kernel = theirs.conv1[0].weight
    found = build(weights=str(path), channels=channels).body.conv1[0].weight
    expected = torch.cat([kernel, kernel], 1)[:, :channels] * 3 / channels
    torch.testing.assert_close(found, expected)
    four = build(weights=str(path), channels=4, more_channels="zero").eval()
    x = torch.randn(2, 4, 32, 32)
    torch.testing.assert_close(four.body(x), build(weights=str(path)).eval().body(x[:, :3]))


def test_a_small_stem_keeps_the_size_of_small_pictures():
    with torch.device("meta"):
        body = build(backbone="seresnet50", stem="small").body
        stem = torch.nn.Sequential(body.conv1, body.bn1, body.act1, body.maxpool)
        assert stem(torch.zeros(1, 3, 28, 28)).shape == (1, 64, 28, 28)
    with pytest.raises(UserError, match="stem='small' for VisionTransformer"):
        build(backbone="test_vit", size=64, stem="small")
    with pytest.raises(UserError, match="unknown stem 'tiny'"):
        build(stem="tiny")


def test_the_first_convolution_is_summed_for_grey_pictures(weights):
    """A grey picture then gives what the same picture in three equal channels would."""
    path, _ = weights
    colour, grey = build(weights=str(path)).eval(), build(weights=str(path), channels=1).eval()
    x = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(
        grey.body(x), colour.body(x.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5
    )


def test_weights_of_another_net_are_refused_with_names(weights, tmp_path):
    _, theirs = weights
    state = theirs.state_dict()
    first = next(iter(state))
    other = tmp_path / "other.safetensors"
    save_file(state | {first: torch.zeros(2, 2)}, other)
    with pytest.raises(UserError, match=rf"{first} is \[2, 2\] in the file, \[\d+, 3, 3, 3\] in"):
        build(weights=str(other))
    save_file({k: v for k, v in state.items() if k != first}, other)
    with pytest.raises(UserError, match=rf"1 tensors the file lacks \({first}\)"):
        build(weights=str(other))
    save_file(state | {"layer9.conv.weight": torch.zeros(1)}, other)
    with pytest.raises(UserError, match=r"1 tensors the model lacks \(layer9.conv.weight\)"):
        build(weights=str(other))


def test_weights_for_another_size_are_refused(tmp_path):
    path = tmp_path / "vit.safetensors"
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), path)
    with pytest.raises(UserError, match=r"pos_embed is .*name the backbone \(and size\)"):
        build(backbone="test_vit", size=64, weights=str(path))


def test_only_safetensors_are_opened(tmp_path):
    path = tmp_path / "weights.pth"

    path.write_bytes(pickle.dumps([1]))
    with pytest.raises(UserError, match=r"weights.pth'. weights are read from .safetensors files"):
        build(weights=str(path))
    renamed = path.rename(tmp_path / "renamed.safetensors")
    with pytest.raises(UserError, match=r"is not a sound .safetensors file"):
        build(weights=str(renamed))
    with pytest.raises(UserError, match="no weights file at"):
        build(weights=str(tmp_path / "missing.safetensors"))


@pytest.mark.parametrize(
    "name", ["resnet19", "hf-hub:timm/resnet18", "local-dir:weights", "hf_hub:a/b", "", "../x"]
)
def test_only_names_of_timm_are_built(name):
    with pytest.raises(UserError, match="unknown backbone"):
        build(backbone=name)


def test_a_misspelt_name_gets_proposals():
    with pytest.raises(UserError, match=r"unknown backbone 'resnet19'.*did you mean 'resnet18'"):
        build(backbone="resnet19")


def test_pictures_that_it_cannot_take_are_said():
    with pytest.raises(
        UserError, match=r"test_vit cannot take 3 x 30 x 30 pictures.*its own size is"
    ):
        build(backbone="test_vit", size=30)
    with pytest.raises(
        UserError, match=r"inception_v3 cannot take 3 x 32 x 32 .*pictures of 75 px"
    ):
        build(backbone="inception_v3")
