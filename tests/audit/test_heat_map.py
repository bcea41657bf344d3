"""Class activation maps against each other, captum, and pictures of one spot."""

import numpy as np
import pytest
import torch
from torch import nn

from tilth.audit.heat_map import cam, channel_mean, grad_cam, onto, spatial_layer
from tilth.models.small_resnet import small_resnet
from tilth.models.timm_backbone import timm_backbone
from tilth.models.two_conv import two_conv
from tilth.nn.body_head import BodyHead
from tilth.nn.watched import watched

PICTURES = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 0])


def gap_net():
    """Return a net whose head sees the mean over the map."""
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return BodyHead(body, nn.Linear(6, 3)).eval()


def test_grad_cam_is_cam_where_the_head_sees_a_mean():
    torch.manual_seed(0)
    net = gap_net()
    layer = spatial_layer(net, PICTURES)
    assert layer == "body.3"
    with torch.no_grad(), watched(net, [layer]) as kept:
        net(PICTURES)
    maps = kept.outputs[layer]
    wanted = cam(maps, net.head.weight, CLASSES).relu()
    found = grad_cam(net, PICTURES, CLASSES, layer)
    cosine = torch.cosine_similarity(found.flatten(1), wanted.flatten(1), dim=1)
    assert (cosine - 1).abs().max() < 1e-6
    torch.testing.assert_close(found * 256, wanted, rtol=1e-4, atol=1e-5)  # 16 x 16 cells
    assert torch.equal(channel_mean(maps), sum(maps[:, c] for c in range(6)) / 6)


@pytest.mark.parametrize("make", [gap_net, lambda: small_resnet(channels=3, size=32, outputs=3)])
def test_grad_cam_is_captums(make):
    from captum.attr import LayerGradCam

    torch.manual_seed(1)
    net = make().eval()
    layer = spatial_layer(net, PICTURES)
    theirs = LayerGradCam(net, net.get_submodule(layer))
    wanted = theirs.attribute(PICTURES, target=CLASSES, relu_attributions=True)[:, 0]
    found = grad_cam(net, PICTURES, CLASSES, layer)
    assert float(wanted.detach().abs().max()) > 0
    torch.testing.assert_close(found, wanted.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("net", "size", "wanted"),
    [
        (small_resnet(channels=1, size=28, outputs=3), (28, 28), "body.4"),
        (two_conv(channels=1, size=28, outputs=3), (28, 28), "body.4"),
        (small_resnet(channels=1, size=(32, 64), outputs=3), (32, 64), "body.4"),
        (timm_backbone(backbone="resnet18", channels=1, size=64, outputs=3), (64, 64), "layer4"),
        (timm_backbone(backbone="convnext_atto", channels=1, size=64, outputs=3), (64, 64), "norm"),
        (timm_backbone(backbone="vit_tiny_patch16_224", channels=1, size=32, outputs=3), None, 0),
        (timm_backbone(backbone="swin_tiny_patch4_window7_224", channels=1, size=224, outputs=3),
         (224, 224), 0),
        (BodyHead(nn.Flatten(), nn.Linear(1024, 3)), (32, 32), 0),
    ],
    ids=["own", "two_conv", "oblong", "resnet", "convnext", "vit", "swin", "dense"],
)  # fmt: skip
def test_the_last_map_is_found_where_there_is_one(net, size, wanted):
    found = spatial_layer(net.eval(), torch.rand(1, 1, *(size or (32, 32))))
    if wanted == 0:
        assert found is None
    else:
        assert wanted in found


@pytest.mark.parametrize("place", [(3, 4), (20, 9), (28, 30), (15, 16)])
def test_the_map_lies_on_the_picture_within_a_cell(place):
    """A net whose weights are all positive says that the one bright pixel did it."""
    net = gap_net()
    for name, parameter in net.named_parameters():
        parameter.data = torch.full_like(parameter, 0.0 if "bias" in name else 0.1)
    picture = torch.zeros(1, 3, 32, 32)
    picture[:, :, place[0], place[1]] = 1.0
    heat = grad_cam(net, picture, torch.tensor([1]), "body.3")
    laid = onto(heat, (32, 32))[0]
    brightest = np.unravel_index(int(laid.argmax()), laid.shape)
    cell = 32 / heat.shape[1]
    assert max(abs(a - b) for a, b in zip(brightest, place, strict=True)) <= cell
    weight = laid / laid.sum()
    middle = [(weight.sum(1 - side) * torch.arange(32)).sum() for side in (0, 1)]
    assert max(abs(float(m) - p) for m, p in zip(middle, place, strict=True)) <= cell
