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


@pytest.mark.parametrize(
    ("size", "meant"), [(64.5, 64), ("64", 64), (0, 4), ("wide", 4), (float("inf"), 4), (None, 4)]
)
def test_the_size_that_was_probably_meant_is_named(size, meant):
    told = rf"size={size!r}; .*whole pixels.* Fix: size={meant} \(--set data.size={meant}\)"
    with pytest.raises(UserError, match=told):
        height_width(size, at_least=4)
