"""A picture as a model: one parameter, which answers everything with itself."""

import torch

from tilth.nn.picture import Picture


def test_it_answers_with_its_pixels_and_they_take_the_gradient():
    start = torch.randn(1, 3, 4, 5)
    picture = Picture(start)
    assert torch.equal(picture("anything"), start)
    (picture(None) ** 2).sum().backward()
    (pixels,) = picture.parameters()
    assert torch.equal(pixels.grad, 2 * start)
    with torch.no_grad():
        pixels += 1
    assert not torch.equal(picture(None), start)
