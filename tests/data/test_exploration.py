"""How much is explored at a frame."""

import pytest

from tilth.data.exploration import Exploration
from tilth.errors import UserError


def test_it_falls_in_a_line_and_stays():
    falling = Exploration(0.8, 0.2, frames=6)
    found = [falling.at(frame) for frame in range(8)]
    assert found == pytest.approx([0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.2])
    assert Exploration(0.3).at(10**9) == 0.3
    assert Exploration(0.3, 0.1).at(0) == 0.1


@pytest.mark.parametrize("given", [(1.5,), (0.5, -0.1, 3), (0.5, 0.1, -1)])
def test_what_is_no_share_is_told(given):
    with pytest.raises(UserError):
        Exploration(*given)
