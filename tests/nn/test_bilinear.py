import pytest
import torch
import torch.nn.functional as F

from tilth.errors import UserError
from tilth.nn.bilinear import BilinearUpsampling, bilinear_kernel


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_it_begins_as_interpolation_borders_included(factor):
    x = torch.randn(2, 3, 5, 7)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(BilinearUpsampling(3, factor)(x), expected, rtol=0, atol=1e-6)


def test_the_kernel_sums_to_one_for_each_pixel_it_makes():
    kernel = bilinear_kernel(4)
    blocks = kernel.reshape(2, 4, 2, 4).sum((0, 2))
    torch.testing.assert_close(blocks, torch.ones(4, 4))


@pytest.mark.parametrize("factor", [1, 3])
def test_odd_factors_are_refused(factor):
    with pytest.raises(UserError, match="even factor"):
        BilinearUpsampling(1, factor)
