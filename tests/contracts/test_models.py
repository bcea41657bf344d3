"""What every model keeps to; a new file in models/ is covered without being named here.

A model without ``outputs`` answers no row with a prediction (players, densities, policies): its
own test says in CASE how it is built and called.
"""

from __future__ import annotations

import importlib
import inspect
from itertools import count
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tilth import registry
from tilth.errors import UserError
from tilth.nn.body_head import BodyHead
from tilth.nn.layer_groups import group_parameters, layer_groups
from tilth.tree import map_tree

OUTPUTS = 3
CHOICES = {"timm_backbone": "test_resnet", "torchvision_backbone": "resnet18"}  # of backbone
VARIED = ("channels", "size", "num_numbers", "cardinalities")

NAMES = registry.names("tilth.models")
PREDICTORS = [
    n for n in NAMES if "outputs" in inspect.signature(registry.find("tilth.models", n)).parameters
]

FOR_PIXELS = [
    n
    for n in NAMES
    if "pixel_outputs" in inspect.signature(registry.find("tilth.models", n)).parameters
]

model_names = pytest.mark.parametrize("name", NAMES)
predictor_names = pytest.mark.parametrize("name", PREDICTORS)


def case(name: str) -> dict[str, Any]:
    """Return CASE of the model's own test: arguments, inputs(rows), call(model, inputs)."""
    return importlib.import_module(f"tests.models.test_{name}").CASE


def answer(name: str, model: nn.Module, batch: Any) -> Tensor:
    return model(batch) if name in PREDICTORS else case(name)["call"](model, batch)


def build(name: str, size: int, seed: int = 0) -> nn.Module:
    if name not in PREDICTORS:
        torch.manual_seed(seed)
        return registry.build("tilth.models", name, case(name)["arguments"])
    facts = {
        "channels": 2,
        "size": size,
        "num_numbers": 3,
        "cardinalities": [4, 6],
        "outputs": OUTPUTS,
    }
    accepted = inspect.signature(registry.find("tilth.models", name)).parameters
    facts["backbone"] = CHOICES.get(name)
    arguments = {k: v for k, v in facts.items() if k in accepted}
    torch.manual_seed(seed)
    return registry.build("tilth.models", name, arguments)


def smallest(name: str) -> int:
    for size in count(1):
        try:
            build(name, size)
        except UserError:
            continue
        return size
    raise AssertionError


def inputs(name: str, size: int, rows: int = 12) -> Any:
    generator = torch.Generator().manual_seed(1)
    if name not in PREDICTORS:
        return case(name)["inputs"](rows)
    if "cardinalities" in inspect.signature(registry.find("tilth.models", name)).parameters:
        numbers = torch.randn(rows, 3, generator=generator)
        columns = [torch.randint(0, n, (rows,), generator=generator) for n in (4, 6)]
        return numbers, torch.stack(columns, dim=1)
    return torch.randn(rows, 2, size, size, generator=generator)


def rows_of(batch: Any, rows: Tensor) -> Any:
    return map_tree(lambda leaf: leaf[rows], batch)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_plain_keywords(name):
    for parameter in inspect.signature(registry.find("tilth.models", name)).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is parameter.empty or isinstance(
            parameter.default, (int, float, str, tuple, type(None))
        )


@model_names
def test_every_parameter_gets_a_gradient(name):
    """After one step, since what begins at zero can block the gradient of what is behind it."""
    size = smallest(name) if name != "timm_backbone" else 32
    model, batch = build(name, size), inputs(name, size)
    moved: set[str] = set()
    for _ in range(2):
        model.zero_grad()
        answer(name, model, batch).square().sum().backward()
        for key, parameter in model.named_parameters():
            assert parameter.grad is not None, f"{key} is not used"
            assert parameter.grad.isfinite().all(), key
            if parameter.grad.abs().sum() > 0:
                moved.add(key)
            parameter.data -= 0.01 * parameter.grad
    assert moved == {key for key, _ in model.named_parameters()}


@predictor_names
def test_the_smallest_legal_size_works_for_learning_and_answering(name):
    size = smallest(name)
    model, batch = build(name, size), inputs(name, size)
    assert model(batch).shape == (12, OUTPUTS)
    assert model.eval()(rows_of(batch, torch.tensor([4]))).shape == (1, OUTPUTS)


@model_names
def test_rows_do_not_depend_on_their_batch_mates(name):
    size = smallest(name) + 1
    model, batch = build(name, size), inputs(name, size)
    answer(name, model, batch)  # so that running statistics are not those of an untouched model
    model.eval()
    whole = answer(name, model, batch)
    order = torch.tensor([7, 2, 11])
    torch.testing.assert_close(
        answer(name, model, rows_of(batch, order)), whole[order], rtol=1e-4, atol=1e-5
    )


@model_names
def test_state_goes_round(name):
    size = smallest(name)
    first, second = build(name, size, seed=0), build(name, size, seed=1)
    batch = inputs(name, size)
    answer(name, first, batch)
    with torch.no_grad():
        next(first.parameters()).mul_(1.1).add_(0.1)  # tables of zeros begin alike
    first.eval(), second.eval()
    assert not torch.equal(answer(name, first, batch), answer(name, second, batch))
    second.load_state_dict(first.state_dict())
    assert torch.equal(answer(name, first, batch), answer(name, second, batch))


@model_names
def test_the_seed_decides_the_start(name):
    size = smallest(name)
    same = [build(name, size, seed=5).state_dict() for _ in range(2)]
    assert all(torch.equal(same[0][key], same[1][key]) for key in same[0])


@predictor_names
def test_the_head_is_one_linear_layer_and_can_be_swapped(name):
    """Warm start on new labels: a new head on the old body."""
    size = smallest(name)
    model, batch = build(name, size).eval(), inputs(name, size)
    assert isinstance(model.head, nn.Linear) and model.head.out_features == OUTPUTS
    features = model.body(batch)
    assert torch.equal(model.head(features), model(batch))
    model.head = nn.Linear(model.head.in_features, 7)
    assert model(batch).shape == (12, 7)


@pytest.mark.parametrize("name", FOR_PIXELS)
def test_every_pixel_of_pictures_of_any_size_is_answered_by_a_head_that_can_be_swapped(name):
    arguments = case(name)["arguments"]
    model = build(name, 0).eval()
    pictures = torch.rand(2, arguments["channels"], 37, 51)
    assert model(pictures).shape == (2, arguments["pixel_outputs"], 37, 51)
    other = registry.build("tilth.models", name, arguments | {"pixel_outputs": 7}).eval()
    body = {k: v for k, v in model.state_dict().items() if not k.startswith("head.")}
    assert body.keys() == {k for k in other.state_dict() if not k.startswith("head.")}
    other.load_state_dict(other.state_dict() | body)  # whatever depends on classes is in the head
    assert other(pictures).shape == (2, 7, 37, 51)
    multiple = torch.rand(2, arguments["channels"], 2 * model.multiple, model.multiple)
    for ours, theirs in zip(
        listed(other.body(multiple)), listed(model.body(multiple)), strict=True
    ):
        assert torch.equal(ours, theirs)


def listed(maps: Any) -> list[Tensor]:
    return maps if isinstance(maps, list) else [maps]


@model_names
def test_layout_and_bf16_change_only_the_rounding(name):
    size = smallest(name)
    model, batch = build(name, size).eval(), inputs(name, size)
    plain = answer(name, model, batch)
    model = model.to(memory_format=torch.channels_last)
    torch.testing.assert_close(answer(name, model, batch), plain, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        short = answer(name, model, batch).float()
    scale = plain.abs().max().item() + 1e-3
    assert (short - plain).abs().max().item() < 0.05 * scale


@model_names
def test_every_parameter_is_in_one_layer_group_and_the_head_is_the_last(name: str) -> None:
    model = build(name, 16 if name in PREDICTORS else 0)
    groups = layer_groups(model)
    assert sorted(map(id, model.modules())) == sorted(id(m) for group in groups for m in group)
    held = [id(p) for group in group_parameters(groups) for p in group]
    assert sorted(held) == sorted(map(id, model.parameters()))
    if isinstance(model, BodyHead):
        assert set(groups[-1]) >= set(model.head.modules())
