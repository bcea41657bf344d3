import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torchvision.models import vgg16
from torchvision.models.segmentation import fcn_resnet50

from tilth.errors import UserError
from tilth.models.fcn import SkipScores, Vgg16Maps, as_convolution, fcn
from tilth.nn.encoder_maps import MapSize

CASE = {
    "arguments": {"channels": 2, "size": (24, 40), "pixel_outputs": 3, "width": 8},
    "inputs": lambda rows: torch.rand(rows, 2, 24, 40),
    "call": lambda model, pictures: model(pictures),
}


@pytest.mark.parametrize(
    ("net", "count"),
    [
        ("fcn8s_vgg16", 134_489_759),
        # 32s: the trunk of VGG16, one score of 4096 maps, one 64 x 64 kernel between 21 classes
        ("fcn32s_vgg16", 14_714_688 + 102_764_544 + 16_781_312 + 86_037 + 21 * 21 * 64**2),
        ("fcn_resnet50", 32_957_013),
    ],
)
def test_nets_of_the_papers_have_their_number_of_weights(net, count):
    with torch.device("meta"):
        model = fcn(channels=3, size=224, pixel_outputs=21, net=net)
    assert sum(p.numel() for p in model.parameters()) == count


def test_torchvisions_net_gives_what_torchvisions_does(tmp_path):
    """From a file under its names: body and head, in evaluation mode."""
    torch.manual_seed(0)
    theirs = fcn_resnet50(weights=None, weights_backbone=None, num_classes=5, aux_loss=True).eval()
    path = tmp_path / "weights.safetensors"
    save_file(theirs.state_dict(), path)
    ours = fcn(channels=3, size=40, pixel_outputs=5, net="fcn_resnet50", weights=str(path)).eval()
    ours.head.load_state_dict(theirs.classifier[-1].state_dict())
    pictures = torch.rand(1, 3, 40, 56)
    with torch.no_grad():
        torch.testing.assert_close(ours(pictures), theirs(pictures)["out"], rtol=0, atol=1e-5)


def test_dense_layers_of_vgg16_become_convolutions_with_their_weights():
    """In the middle of a map of the size that the dense layer was for, both give the same."""
    dense = nn.Linear(8 * 7 * 7, 5)
    features = torch.rand(2, 8, 7, 7)
    found = as_convolution(dense, 7)(features)
    torch.testing.assert_close(found[:, :, 3, 3], dense(features.flatten(1)))


@pytest.mark.parametrize(("stride", "sides"), [(8, [28, 14, 7]), (16, [14, 7]), (32, [7])])
def test_the_maps_of_vgg16_are_those_after_its_last_pools(stride, sides):
    with torch.device("meta"):
        maps = Vgg16Maps(vgg16(weights=None), stride)(torch.zeros(1, 3, 224, 224))
    assert [one.shape[-1] for one in maps] == sides
    assert [one.shape[1] for one in maps] == [256, 512, 4096][-len(sides) :]


def test_scores_begin_as_sums_of_bilinear_enlargements():
    """FCN-8s: coarse scores doubled and added twice, then eight times as large."""
    sizes = [MapSize(4, 8), MapSize(5, 16), MapSize(6, 32)]
    head = SkipScores(sizes, 3)
    maps = [torch.rand(2, s.channels, 64 // s.reduction, 96 // s.reduction) for s in sizes]
    fine, middle, coarse = (score(one) for score, one in zip(head.scores, maps, strict=True))

    def larger(x, factor):
        return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)

    expected = larger(larger(larger(coarse, 2) + middle, 2) + fine, 8)
    torch.testing.assert_close(head(maps), expected, rtol=0, atol=1e-5)


def test_the_small_net_scores_its_last_three_maps():
    model = fcn(channels=1, size=(72, 96), pixel_outputs=4, width=8)
    assert [score.in_channels for score in model.head.scores] == [8, 16, 32]
    assert model.head.last.factor == 4 and model.multiple == 16


def test_what_does_not_fit_is_told():
    with pytest.raises(UserError, match=r"unknown net 'fcn_resnet18'"):
        fcn(channels=1, size=32, pixel_outputs=2, net="fcn_resnet18")
    with pytest.raises(UserError, match="weights of torchvision are for its own nets"):
        fcn(channels=1, size=32, pixel_outputs=2, weights="x.safetensors")


@pytest.mark.parametrize("net", ["fcn32s_vgg16", "fcn_resnet50"])
def test_what_the_net_does_not_use_is_refused(net):
    with pytest.raises(UserError, match=rf"width=48 for the net {net}; .*Fix: leave width out"):
        fcn(channels=3, size=32, pixel_outputs=2, net=net, width=48)
    with pytest.raises(UserError, match="more_channels='zero' for the net small"):
        fcn(channels=3, size=32, pixel_outputs=2, more_channels="zero")
    small = fcn(channels=3, size=32, pixel_outputs=2)
    assert small.head.scores[0].in_channels == 32  # the width where none is given
