import pytest

from tilth.errors import UserError
from tilth.nn.sizes import height_width


@pytest.mark.parametrize(("size", "expected"), [(28, [28, 28]), ((3, 9), [3, 9]), ([9, 3], [9, 3])])
def test_one_number_is_a_square(size, expected):
    assert height_width(size, at_least=3) == expected


@pytest.mark.parametrize("size", [2, (3, 2), (3,), (3, 3, 3), (3.0, 4), 0, -1])
def test_what_is_no_size_is_refused(size):
    with pytest.raises(UserError, match="each at least 3"):
        height_width(size, at_least=3)
