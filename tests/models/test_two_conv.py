import pytest
import torch
import torch.nn.functional as F

from tilth.errors import UserError
from tilth.models.two_conv import two_conv


def test_it_computes_what_its_weights_say():
    net = two_conv(channels=2, size=(9, 12), outputs=5, width=4, hidden=7)
    x = torch.randn(3, 2, 9, 12)
    first, second, dense, head = (
        (p, q) for p, q in zip(*[iter(net.parameters())] * 2, strict=True)
    )
    hidden = F.conv2d(F.conv2d(x, *first).relu(), *second).relu()
    pooled = hidden[..., :4, :8].unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))  # 5 x 8 -> 2 x 4
    expected = F.linear(F.linear(pooled.reshape(3, -1), *dense).relu(), *head)
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize("size", [28, 32])
def test_the_number_of_parameters_is_the_closed_form(size):
    net = two_conv(channels=3, size=size, outputs=10)
    side = (size - 4) // 2
    expected = (3 * 9 + 1) * 32 + (32 * 9 + 1) * 64 + (64 * side**2 + 1) * 128 + 129 * 10
    assert sum(p.numel() for p in net.parameters()) == expected


def test_a_picture_that_is_too_small_is_refused():
    with pytest.raises(UserError, match=r"size=5. size is one number or .* each at least 6"):
        two_conv(channels=1, size=5, outputs=2)
