"""Layer groups: where nets known by their papers are cut, and that every parameter is in one."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, vgg11

from tilth.errors import UserError
from tilth.models.small_resnet import small_resnet
from tilth.models.timm_backbone import timm_backbone
from tilth.nn.body_head import BodyHead
from tilth.nn.layer_groups import group_parameters, layer_groups


def parts(model):
    """Return what each group is made of: the outermost names of what it holds, and no more."""
    names = {module: name for name, module in model.named_modules()}
    found = []
    for group in layer_groups(model):
        held = [names[m] for m in group if any(True for _ in m.parameters(recurse=False))]
        found.append({name.removeprefix("body.").split(".")[0] for name in held})
    return found


def test_a_resnet_is_cut_between_its_stages():
    expected = [{"conv1", "bn1", "layer1"}, {"layer2", "layer3"}, {"layer4"}]
    assert parts(resnet18(weights=None)) == [*expected, {"fc"}]
    assert parts(timm_backbone(backbone="resnet18", channels=3, size=32, outputs=3)) == [
        *expected,
        {"head"},
    ]


def test_a_chain_is_cut_by_its_number_of_layers_and_keeps_its_classifier_whole():
    model = vgg11(weights=None)
    groups = layer_groups(model)
    kernels = [sum(isinstance(m, nn.Conv2d | nn.Linear) for m in group) for group in groups]
    assert kernels == [3, 2, 3, 3]
    assert parts(model)[-1] == {"classifier"}


def test_a_transformer_is_cut_between_its_blocks():
    model = timm_backbone(backbone="vit_tiny_patch16_224", channels=3, size=32, outputs=3)
    first, second, third, head = layer_groups(model)
    blocks = list(model.body.blocks)
    places = [[n for n, block in enumerate(blocks) if block in group] for group in (first, second)]
    assert places == [[0, 1, 2], [3, 4, 5, 6, 7]]
    assert model.body in first  # its position embedding is a parameter of its own
    assert head == [model.head]
    assert model.body.norm in third


def test_the_usual_net_has_stem_and_stages_and_head():
    model = small_resnet(channels=1, size=28, outputs=3, width=8)
    assert parts(model) == [{"0", "2"}, {"3"}, {"4"}, {"head"}]


def test_a_norm_goes_with_the_layer_before_it():
    layers = [one for _ in range(6) for one in (nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))]
    groups = layer_groups(BodyHead(nn.Sequential(*layers), nn.Linear(2, 2)))
    kinds = [[type(m).__name__ for m in group if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
             for group in groups]  # fmt: skip
    assert kinds == [["Conv2d", "BatchNorm2d"] * 2] * 3 + [[]]


def test_what_is_used_twice_is_in_one_group():
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, nn.Linear(2, 2), shared, nn.Linear(2, 2))
    groups = layer_groups(model)
    assert sorted(map(id, model.modules())) == sorted(id(m) for group in groups for m in group)
    tied = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    tied[1].weight = tied[0].weight
    assert [len(found) for found in group_parameters(layer_groups(tied))] == [0, 1]


def test_a_body_without_parameters_is_no_group():
    assert len(layer_groups(BodyHead(nn.Flatten(), nn.Linear(4, 2)))) == 1
    assert len(layer_groups(nn.Linear(2, 2))) == 1


class Told(nn.Module):
    """Made from its end to its beginning, which it says itself."""

    def __init__(self, twice=False, miss=False):
        super().__init__()
        self.answer, self.middle, self.entry = (nn.Linear(2, 2) for _ in range(3))
        self.twice, self.miss = twice, miss

    def forward(self, x):
        return self.answer(self.middle(self.entry(x)))

    def layer_groups(self):
        if self.miss:
            return [[self.entry], [self.answer]]
        return [[self.entry], [self.middle, *([self.entry] if self.twice else [])], [self.answer]]


def test_a_model_says_itself_in_which_order_its_layers_are():
    model = Told()
    groups = layer_groups(model)
    assert [group[-1] for group in groups] == [model.entry, model.middle, model.answer]
    assert sum(len(group) for group in groups) == len(list(model.modules()))
    with pytest.raises(UserError, match="has a Linear twice"):
        layer_groups(Told(twice=True))
    with pytest.raises(UserError, match="leaves out Linear"):
        layer_groups(Told(miss=True))


def test_own_parameters_of_the_whole_stand_in_the_first_group():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(2))
            self.first, self.last = nn.Linear(2, 2), nn.Linear(2, 2)

    model = Shifted()
    first, last = group_parameters(layer_groups(model))
    assert first[0] is model.shift
    assert last == [model.last.weight, model.last.bias]
