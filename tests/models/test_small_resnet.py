import pytest
import torch
import torch.nn.functional as F

from tilth.models.small_resnet import small_resnet


def conv_norm(x, weights, conv, norm, pooled=False):
    x = F.conv2d(x, weights[f"{conv}.weight"], padding=1)
    if pooled:
        x = F.max_pool2d(x, 2)
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    scale = weights[f"{norm}.weight"] / (variance + 1e-5).sqrt()
    shift = weights[f"{norm}.bias"] - mean * scale
    return (x * scale[:, None, None] + shift[:, None, None]).relu()


@pytest.mark.parametrize(("size", "stride"), [(32, 1), (64, 2), (128, 4)])
def test_it_computes_what_its_weights_say(size, stride):
    net = small_resnet(channels=3, size=size, outputs=4, width=8).double()
    weights = dict(net.named_parameters())
    pictures = torch.randn(2, 3, size, size).double()
    x = F.conv2d(
        pictures, weights["body.0.weight"], weights["body.0.bias"], stride=stride, padding=1
    ).relu()
    for stage in ("body.2", "body.3", "body.4"):
        x = conv_norm(x, weights, f"{stage}.halve.0", f"{stage}.halve.2", pooled=True)
        x = x + conv_norm(x, weights, f"{stage}.refine.0.0", f"{stage}.refine.0.1")
    assert x.shape[2:] == (4, 4)
    expected = x.amax((2, 3)) @ weights["head.weight"].T + weights["head.bias"]
    torch.testing.assert_close(net(pictures), expected)


@pytest.mark.parametrize(
    ("size", "last"),
    [(8, 4), (16, 4), (28, 3), (32, 4), (64, 4), (96, 3), (128, 4), (224, 3), ((32, 48), (4, 6))],
)
def test_the_last_map_is_three_to_six_pixels_wide(size, last):
    net = small_resnet(channels=1, size=size, outputs=2, width=8)
    sides = size if isinstance(size, tuple) else (size, size)
    last = last if isinstance(last, tuple) else (last, last)
    assert net.body[:-2](torch.zeros(2, 1, *sides)).shape[2:] == last
