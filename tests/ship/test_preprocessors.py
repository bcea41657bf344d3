import pytest

from tests.ship.made import PICTURES, Columns
from tilth.errors import UserError
from tilth.ship.preprocessors import from_bundle, to_ship


def test_a_preprocessor_comes_back_from_its_description():
    assert from_bundle(to_ship(PICTURES)) == PICTURES


def test_ones_own_preprocessor_is_matched_by_its_kind():
    assert to_ship(Columns()) == {"kind": "columns"}
    assert isinstance(from_bundle({"kind": "columns"}, [Columns]), Columns)
    with pytest.raises(UserError, match="unknown preprocessor 'columns'"):
        from_bundle({"kind": "columns"})


@pytest.mark.parametrize("kind", ["picture", "os.system", "tilth.data", None, 3])
def test_an_unknown_kind_lists_what_there_is(kind):
    with pytest.raises(UserError, match="images, own, table"):
        from_bundle({"kind": kind})


@pytest.mark.parametrize(
    "change",
    [
        {"mean": 3},
        {"mean": [1.0, 2.0]},
        {"fit": "stretch"},
        {"unknown": 1},
        {"std": None},
        {"dtype": "load"},
        {"height": "tall"},
    ],
)
def test_damaged_settings_are_a_users_error(change):
    with pytest.raises(UserError):
        from_bundle({**to_ship(PICTURES), **change})
