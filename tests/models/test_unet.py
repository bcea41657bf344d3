import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from tilth.errors import UserError
from tilth.models.unet import unet
from tilth.nn.upsampling import UPSAMPLINGS

CASE = {
    "arguments": {"channels": 2, "size": (24, 40), "pixel_outputs": 3, "width": 8},
    "inputs": lambda rows: torch.rand(rows, 2, 24, 40),
    "call": lambda model, pictures: model(pictures),
}


def build(**changes):
    torch.manual_seed(0)
    given = {"channels": 3, "size": (32, 48), "pixel_outputs": 4} | changes
    width = {"width": 8} if given.get("encoder") in (None, "double_conv") else {}
    return unet(**width | given)


def original():
    """The net of the paper: what its closed form of weights is counted from."""
    with torch.device("meta"):
        paper = {"encoder": "double_conv", "upsampling": "transposed", "norm": False, "width": 64}
        return unet(channels=1, size=572, pixel_outputs=2, **paper)


def test_the_net_of_the_paper_has_its_number_of_weights():
    def conv(fan_in, fan_out, side=3):
        return fan_in * fan_out * side**2 + fan_out

    widths = [64, 128, 256, 512, 1024]
    down = sum(conv(a, b) + conv(b, b) for a, b in zip([1, *widths[:-1]], widths, strict=True))
    up = sum(conv(2 * w, w, 2) + conv(2 * w, w) + conv(w, w) for w in widths[:-1])
    counted = sum(p.numel() for p in original().parameters())
    assert counted == down + up + conv(64, 2, 1) == 31_030_658


def test_each_size_on_the_way_up_sees_the_map_across():
    """The body by hand: encoder, upsampling, concatenation, two convolutions."""
    net = build(encoder="double_conv").eval()
    pictures = torch.rand(2, 3, 32, 48)
    maps = [pictures]
    for stage in net.body.encoder.chain:
        maps.append(stage(maps[-1]))
    assert [m.shape[-1] for m in maps[1:]] == [48, 24, 12, 6, 3]
    x = maps[-1]
    for up, merge, across in zip(net.body.up, net.body.merge, maps[-2:0:-1], strict=True):
        x = merge(torch.cat([up(x), across], 1))
    torch.testing.assert_close(net(pictures), net.head(x))


def test_a_stem_with_a_stride_has_the_picture_as_its_last_way_across():
    net = build(size=64)  # small_resnet halves in its first layer from 48 px on
    assert [(s.channels, s.reduction) for s in net.body.sizes][:2] == [(3, 1), (3, 2)]
    weights = net.body.merge[-1][0][0].weight
    assert weights.shape[1] == net.body.up[-1][0].weight.shape[0] // 4 + 3


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_every_way_of_upsampling_learns_which_half_is_bright(upsampling):
    net = build(upsampling=upsampling, channels=1, pixel_outputs=2, size=16)
    torch.manual_seed(1)
    pictures = torch.rand(6, 1, 12, 14)
    wanted = (pictures[:, 0] > 0.5).long()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(pictures), wanted)
        loss.backward()
        optimizer.step()
    assert (net(pictures).argmax(1) == wanted).float().mean() > 0.9


@pytest.mark.parametrize("encoder", ["test_resnet", "test_convnext", "test_efficientnet"])
def test_an_encoder_of_timm_gives_its_own_maps(encoder):
    net = build(encoder=encoder, channels=1).eval()
    pictures = torch.rand(2, 1, 64, 96)
    theirs = timm.create_model(encoder, pretrained=False, in_chans=1, features_only=True).eval()
    reductions = theirs.feature_info.reduction()
    own = [size for size in net.body.sizes if size.channels != 1]
    assert [size.reduction for size in own] == reductions
    assert [size.channels for size in own] == theirs.feature_info.channels()
    maps = net.body.encoder(pictures)
    assert [64 // one.shape[-2] for one in maps] == reductions
    assert net(torch.rand(1, 1, 45, 70)).shape == (1, 4, 45, 70)
    net.train()(pictures).sum().backward()
    assert [key for key, p in net.named_parameters() if p.grad is None] == []


def test_weights_of_a_local_file_are_the_encoders(tmp_path):
    theirs = timm.create_model("test_resnet", pretrained=False, num_classes=9)
    path = tmp_path / "weights.safetensors"
    save_file(theirs.state_dict(), path)
    net = build(encoder="test_resnet", weights=str(path))
    assert torch.equal(net.body.encoder.net.conv1[0].weight, theirs.conv1[0].weight)


def test_what_is_no_encoder_is_told():
    with pytest.raises(UserError, match=r"unknown encoder 'resnet19'.*did you mean 'resnet18'"):
        build(encoder="resnet19")
    with pytest.raises(UserError, match="did you mean 'small_resnet'"):
        build(encoder="smal_resnet")
    with pytest.raises(UserError, match="unknown encoder 'resnet_of_mine'"):
        build(encoder="resnet_of_mine")
    with pytest.raises(UserError, match="test_vit as an encoder"):
        build(encoder="test_vit")
    with pytest.raises(UserError, match="unknown way of upsampling 'bicubic'"):
        build(upsampling="bicubic")
    with pytest.raises(UserError, match="weights of other libraries"):
        build(weights="a.safetensors")


def test_what_the_encoder_does_not_use_is_refused():
    with pytest.raises(
        UserError, match=r"width=48 for the encoder test_resnet; .*Fix: leave width"
    ):
        build(encoder="test_resnet", width=48)
    for encoder in ("small_resnet", "double_conv"):
        with pytest.raises(UserError, match=f"more_channels='zero' for the encoder {encoder}"):
            build(encoder=encoder, more_channels="zero")
    assert build(encoder="test_resnet", trained_size=64, more_channels="zero")
    wide = unet(channels=3, size=32, pixel_outputs=4, encoder="double_conv")
    assert wide.body.sizes[0].channels == 32  # where none is given
