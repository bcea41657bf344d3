import pytest
import torch
from torch import nn

from tests.ship.made import ARGUMENTS, Line, network
from tilth import registry
from tilth.errors import UserError
from tilth.ship import architecture
from tilth.ship.architecture import build, check_fits, plugin_names, to_ship

TWO_CONV = {"name": "two_conv", "arguments": ARGUMENTS}


def test_a_registry_model_comes_back_with_its_weights():
    model = network(seed=5)
    built = build(TWO_CONV, model.state_dict(), ())
    inputs = torch.randn(2, 3, 16, 16)
    assert torch.equal(built(inputs), model(inputs))


def test_building_leaves_the_random_stream_alone():
    tensors = network().state_dict()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    build(TWO_CONV, tensors, ())
    assert torch.equal(torch.rand(4), expected)


def test_an_unknown_name_lists_what_there_is_and_how_to_name_ones_own():
    with pytest.raises(UserError) as caught:
        build({"name": "MyNet", "arguments": {}}, {}, [Line])
    message = str(caught.value)
    assert "unknown architecture 'MyNet'" in message
    assert "two_conv" in message
    assert "Line" in message
    assert "plugins=[MyNet]" in message
    with pytest.raises(UserError, match="did you mean 'two_conv'"):
        build({"name": "twoconv", "arguments": {}}, {}, ())


@pytest.mark.parametrize("plugin", [Line, Line(), lambda outputs=1: Line(outputs)])
def test_ones_own_network_is_matched_by_its_name(plugin):
    name = type(plugin).__name__ if isinstance(plugin, nn.Module) else plugin.__name__
    trained = Line()
    built = build({"name": name, "arguments": {}}, trained.state_dict(), [plugin])
    assert torch.equal(built.layer.weight, trained.layer.weight)


def test_a_network_given_as_plugin_keeps_its_own_weights():
    mine, trained = Line(), Line()
    before = mine.layer.weight.clone()
    built = build({"name": "Line", "arguments": {}}, trained.state_dict(), [mine])
    assert torch.equal(mine.layer.weight, before)
    assert built is not mine


def test_ones_own_code_goes_before_the_registry():
    class two_conv(Line):
        pass

    built = build({"name": "two_conv", "arguments": {}}, Line().state_dict(), [two_conv])
    assert isinstance(built, two_conv)


def test_arguments_that_ones_own_code_does_not_take_are_said():
    with pytest.raises(UserError) as caught:
        build({"name": "Line", "arguments": {"width": 3}}, Line().state_dict(), [Line])
    assert "width" in str(caught.value)
    assert "plugins=[Line(...)]" in str(caught.value)


@pytest.mark.parametrize("plugin", ["Line", 3, None])
def test_a_plugin_is_code_never_a_name(plugin):
    with pytest.raises(UserError, match=r"plugins=\[MyNet\]"):
        plugin_names([plugin])


def test_a_plugin_that_makes_no_network_is_told():
    def Line():
        return 3

    with pytest.raises(UserError, match="made a int"):
        build({"name": "Line", "arguments": {}}, {}, [Line])


def test_weights_that_do_not_fit_are_named():
    other = network(hidden=9).state_dict()
    with pytest.raises(UserError) as caught:
        build(TWO_CONV, other, ())
    assert "body.6.weight has shape [9, 32]" in str(caught.value) or "shape [9," in str(
        caught.value
    )
    missing = {k: v for k, v in network().state_dict().items() if k != "head.bias"}
    with pytest.raises(UserError, match=r"head\.bias missing"):
        build(TWO_CONV, missing, ())
    with pytest.raises(UserError, match="extra not in the model"):
        build(TWO_CONV, {**network().state_dict(), "extra": torch.zeros(1)}, ())


def test_a_network_that_cannot_fit_takes_no_memory():
    huge = {**ARGUMENTS, "hidden": 10**9}  # 512 GB of weights
    with pytest.raises(UserError, match="weights do not fit"):
        build({"name": "two_conv", "arguments": huge}, network().state_dict(), ())


@pytest.mark.parametrize(
    "arguments",
    [
        {**ARGUMENTS, "size": -3},
        {**ARGUMENTS, "size": "wide"},
        {**ARGUMENTS, "channels": None},
        {**ARGUMENTS, "width": [1, 2]},
        {**ARGUMENTS, "width": 2**70},
        {**ARGUMENTS, "colour": 1},
        {"channels": 3},
        {**ARGUMENTS, "self": 1},
    ],
)
def test_arguments_that_make_no_network_are_said(arguments):
    with pytest.raises(UserError, match=r"two_conv|size="):
        build({"name": "two_conv", "arguments": arguments}, network().state_dict(), ())


def test_start_weights_are_neither_shipped_nor_read():
    shipped = to_ship("timm_backbone", {"backbone": "resnet18", "weights": "my/file.safetensors"})
    assert shipped == {"name": "timm_backbone", "arguments": {"backbone": "resnet18"}}
    hostile = {"name": "timm_backbone", "arguments": {"weights": "/etc/hostname"}}
    with pytest.raises(UserError, match="names no other files"):
        build(hostile, {}, ())


@pytest.mark.parametrize("name", ["<lambda>", "a.b", "", "../x", 3])
def test_a_name_that_could_not_be_matched_is_refused_when_saving(name):
    with pytest.raises(UserError, match="architecture name"):
        to_ship(name, {})


def test_saving_notices_an_architecture_of_another_model():
    check_fits(TWO_CONV, network())
    with pytest.raises(UserError, match="do not fit two_conv"):
        check_fits(TWO_CONV, network(hidden=9))
    check_fits({"name": "Line", "arguments": {}}, Line())  # cannot be built here


def test_a_network_that_needs_real_numbers_while_it_is_built_still_builds(monkeypatch):
    def needs_numbers(*, outputs):
        width = int(torch.ones(1).item()) * outputs  # not possible without memory
        return nn.Linear(1, width)

    monkeypatch.setattr(architecture.registry, "names", lambda package: ["needs_numbers"])
    monkeypatch.setattr(architecture.registry, "build", lambda p, n, a: needs_numbers(**a))
    monkeypatch.setattr(architecture.registry, "stated", lambda package, name, fact: None)
    trained = nn.Linear(1, 2)
    built = build({"name": "needs_numbers", "arguments": {"outputs": 2}}, trained.state_dict(), ())
    assert torch.equal(built.weight, trained.weight)


@pytest.mark.parametrize(
    ("name", "own", "more"),
    [
        ("unet", {"encoder": "test_resnet"}, {"width": 48, "trained_size": 64}),
        ("unet", {"width": 4}, {"more_channels": "repeat"}),
        ("fcn", {"width": 4}, {"more_channels": "repeat"}),
    ],
)
def test_arguments_that_an_older_bundle_holds_for_nothing_do_no_harm(name, own, more):
    known = {"channels": 3, "size": 32, "pixel_outputs": 2, **own}
    model = registry.build("tilth.models", name, known)
    recorded = {"name": name, "arguments": {**known, **more}}
    check_fits(recorded, model)
    tensors = model.state_dict()
    again = build(recorded, tensors, ()).state_dict()
    assert all(torch.equal(again[key], value) for key, value in tensors.items())
