import numpy as np
import pytest
import torch
from scipy.spatial import geometric_slerp

from tilth.decode.interpolate import linear, slerp
from tilth.errors import UserError

FRACTIONS = torch.linspace(0, 1, 7, dtype=torch.float64)


def codes(count=5, numbers=4):
    return torch.randn(2, count, numbers, dtype=torch.float64)


def test_the_great_circle_is_that_of_scipy():
    first, last = (code / code.norm(dim=-1, keepdim=True) for code in codes())
    for a, b, way in zip(first, last, slerp(first, last, FRACTIONS).transpose(0, 1), strict=True):
        wanted = geometric_slerp(a.numpy(), b.numpy(), FRACTIONS.numpy())
        np.testing.assert_allclose(way, wanted, atol=1e-12)
        np.testing.assert_allclose(way.norm(dim=-1), 1, atol=1e-12)


@pytest.mark.parametrize("way", [linear, slerp])
def test_ends_are_met_to_the_bit(way):
    first, last = codes()
    found = way(first, last, FRACTIONS)
    assert torch.equal(found[0], first)
    assert torch.equal(found[-1], last)


def test_the_straight_way_is_straight():
    first, last = codes()
    wanted = torch.stack([(1 - t) * first + t * last for t in FRACTIONS])
    torch.testing.assert_close(linear(first, last, FRACTIONS), wanted)


def test_draws_of_a_gaussian_in_many_dimensions_stay_as_long_on_the_great_circle():
    """The middle of the straight way is shorter by the square root of two."""
    first, last = codes(20, 2000)
    middle = torch.tensor([0.5])
    length = 2000**0.5
    assert ((slerp(first, last, middle).norm(dim=-1) / length - 1).abs() < 0.08).all()
    assert ((linear(first, last, middle).norm(dim=-1) / length - 0.5**0.5).abs() < 0.06).all()


def test_near_directions_take_the_straight_way_which_is_the_limit():
    first = torch.tensor([1.0, 0.0], dtype=torch.float64)
    for turn in (0.0, 1e-9, 0.9e-3, 1.1e-3):
        last = 2 * torch.tensor([np.cos(turn), np.sin(turn)], dtype=torch.float64)
        found = slerp(first, last, FRACTIONS)
        torch.testing.assert_close(found, linear(first, last, FRACTIONS), rtol=0, atol=1e-6)


@pytest.mark.parametrize("last", [[-2.0, 0.0], [0.0, 0.0]])
def test_what_has_no_great_circle_is_told(last):
    with pytest.raises(UserError, match=r"opposite or zero.*Fix: use linear"):
        slerp(torch.tensor([1.0, 0.0]), torch.tensor(last), FRACTIONS)
