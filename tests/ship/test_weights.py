import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load
from torch import nn

from tests.ship.made import network
from tilth.errors import UserError
from tilth.ship.weights import mismatches, plain_model, read_weights, weight_bytes


def test_every_tensor_of_the_model_is_kept_to_the_bit():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    model(torch.randn(4, 1, 5, 5))  # moves the running statistics
    kept = load(weight_bytes(model))
    assert set(kept) == set(model.state_dict())
    for name, value in model.state_dict().items():
        assert torch.equal(kept[name], value), name
        assert kept[name].dtype == value.dtype


def test_memory_layout_and_tied_weights_do_not_matter():
    model = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    model[2].weight = model[1].weight
    model.to(memory_format=torch.channels_last)
    kept = load(weight_bytes(model))
    assert torch.equal(kept["1.weight"], kept["2.weight"])
    assert torch.equal(kept["0.weight"], model[0].weight)
    assert kept["0.weight"].is_contiguous()


def test_a_compiled_model_is_saved_under_its_own_names():
    class Compiled(nn.Module):  # what torch.compile wraps a module in, without its compiler
        def __init__(self, inner):
            super().__init__()
            self._orig_mod = inner

    model = network()
    compiled = Compiled(model)
    assert set(compiled.state_dict()) == {f"_orig_mod.{name}" for name in model.state_dict()}
    assert plain_model(compiled) is model
    assert set(load(weight_bytes(compiled))) == set(model.state_dict())


def test_the_file_says_that_it_holds_torch_tensors(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(weight_bytes(nn.Linear(1, 1)))
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_weights_that_are_not_finite_are_not_handed_on():
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    with pytest.raises(UserError, match="weight hold values that are not finite"):
        weight_bytes(model)


def test_buffers_may_hold_infinities():
    model = nn.Linear(2, 2)
    model.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    assert torch.isinf(load(weight_bytes(model))["mask"]).any()


def test_state_that_is_not_a_tensor_is_refused_by_name():
    class Odd(nn.Module):
        def get_extra_state(self):
            return {"anything": 1}

    with pytest.raises(UserError, match="_extra_state"):
        weight_bytes(Odd())


def test_every_kind_of_mismatch_is_named():
    wanted = {"a": torch.zeros(2), "b": torch.zeros(3), "n": torch.tensor(1)}
    assert mismatches(wanted, wanted) == []
    assert mismatches(
        wanted, {"b": torch.zeros(4), "c": torch.zeros(1), "n": torch.tensor(1.0)}
    ) == [
        "a missing",
        "c not in the model",
        "b has shape [4], the model needs [3]",
        "n holds torch.float32, the model needs torch.int64",
    ]
    many = {f"layer{i}": torch.zeros(1) for i in range(10)}
    assert mismatches(many, {}) == ["layer0, layer1, layer2 and 7 more missing"]


def test_what_is_no_safetensors_file_is_said(tmp_path):
    path = tmp_path / "model.safetensors"
    for content in (b"", b"\x80\x04\x95", b"\xff" * 100):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a sound safetensors file"):
            read_weights(path)
    with pytest.raises(UserError, match="not a sound safetensors file"):
        read_weights(tmp_path / "none")
