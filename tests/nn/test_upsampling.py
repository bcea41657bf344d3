import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth.errors import UserError
from tilth.nn.upsampling import UPSAMPLINGS, icnr_, upsampling


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_pixel_shuffle_begins_as_nearest_neighbours_exactly(factor):
    """Aitken et al. 2017, equation 6: enlarged after the convolution of one of each block."""
    layer = upsampling("shuffle", 5, 3, factor)
    x = torch.randn(2, 5, 4, 6)
    larger = layer(x)
    one = larger[..., ::factor, ::factor]
    torch.testing.assert_close(one, F.conv2d(x, layer[0].weight[:: factor**2]))
    assert torch.equal(larger, F.interpolate(one, scale_factor=factor, mode="nearest"))


def test_what_begins_by_icnr_varies_as_he_says():
    conv = nn.Conv2d(200, 4 * 50, 1)
    icnr_(conv, 2)
    assert conv.weight.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.03)
    assert conv.bias.abs().sum() == 0


@pytest.mark.parametrize("kind", UPSAMPLINGS)
def test_sizes_are_multiplied(kind):
    assert upsampling(kind, 6, 4, 4)(torch.zeros(2, 6, 3, 5)).shape == (2, 4, 12, 20)


def checkerboard_energy(maps, factor=2):
    """Return how much of maps changes inside the blocks that one coarse pixel became, 0 to 1.

    maps: [B, C, factor H, factor W] from a constant map; the share of the sum of squares that
    lies in deviations from each block's mean
    """
    rows, columns = (side // factor for side in maps.shape[2:])
    blocks = maps.reshape(*maps.shape[:2], rows, factor, columns, factor)
    inside = blocks - blocks.mean((3, 5), keepdim=True)
    return float(inside.square().sum() / maps.square().sum())


def test_only_untrained_transposed_convolutions_leave_a_checkerboard():
    """On a constant map; Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"."""
    torch.manual_seed(0)
    flat = torch.ones(1, 8, 6, 6)
    energy = {
        kind: checkerboard_energy(upsampling(kind, 8, 8)(flat)[..., 2:-2, 2:-2].detach())
        for kind in UPSAMPLINGS
    }
    assert energy["shuffle"] == 0
    assert energy["nearest"] < 1e-10  # sums in another order
    assert energy["transposed"] > 0.1


@pytest.mark.parametrize(
    ("stride", "kernel", "padding"), [(2, 2, 0), (2, 3, 1), (4, 8, 2), (1, 3, 1)]
)
def test_a_transposed_convolution_is_the_adjoint_of_the_convolution(stride, kernel, padding):
    """<A x, y> = <x, A^T y> (Dumoulin and Visin 2016, section 4)."""
    torch.manual_seed(0)
    down = nn.Conv2d(3, 5, kernel, stride=stride, padding=padding, bias=False).double()
    up = nn.ConvTranspose2d(5, 3, kernel, stride=stride, padding=padding, bias=False).double()
    up.load_state_dict(down.state_dict())
    y = torch.randn(2, 5, 4, 6).double()
    larger = up(y)
    assert larger.shape[2] == stride * (4 - 1) + kernel - 2 * padding
    x = torch.randn_like(larger)
    torch.testing.assert_close((down(x) * y).sum(), (x * larger).sum(), rtol=1e-10, atol=1e-10)


def test_another_kind_is_refused():
    with pytest.raises(UserError, match="unknown way of upsampling 'bilinear'"):
        upsampling("bilinear", 1, 1)
