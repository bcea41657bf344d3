"""How observations of each kind become features."""

import pytest
import torch

from tilth.errors import UserError
from tilth.nn.observation_encoder import observation_encoder


def encoder(**more):
    given = {"channels": 2, "size": 1, "layers": (6,), "width": 4, "norm": False}
    return observation_encoder(**given | more)


@pytest.mark.parametrize(("side", "places"), [(64, 16), (84, 49)])
def test_features_are_the_places_that_the_convolutions_leave(side, places):
    """(n - 8) / 4 + 1, (n - 4) / 2 + 1, n - 2: 84 px leave 7 x 7."""
    body, features = encoder(size=side, layers=(), norm=True)
    assert features == 8 * places
    assert body(torch.zeros(3, 2, side, side)).shape == (3, features)


def test_smaller_pictures_are_flattened():
    body, features = encoder(size=(5, 7))
    assert features == 6 and [p.shape for p in body.parameters()] == [(6, 70), (6,)]
    assert not any(isinstance(part, torch.nn.Conv2d) for part in encoder(size=63)[0])


def test_dense_layers_by_hand():
    body, _ = encoder(layers=(6, 3))
    numbers = torch.randn(4, 2)
    first, second = (part for part in body if isinstance(part, torch.nn.Linear))
    hidden = (numbers @ first.weight.T + first.bias).clamp(min=0)
    torch.testing.assert_close(body(numbers), (hidden @ second.weight.T + second.bias).clamp(min=0))


def test_nothing_between_numbers_and_head_is_told():
    with pytest.raises(UserError, match=r"layers=\(\)"):
        encoder(layers=())
