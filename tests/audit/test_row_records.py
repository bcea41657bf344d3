"""Rows kept for comparing: they come back in the order of their ids, whatever the listing was."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
import pytest

from tests.audit.stand_ins import class_rows
from tilth.audit.row_records import Truths, other_truths, pack, unpack
from tilth.errors import UserError


def test_rows_come_back_in_the_order_of_their_ids():
    ids = np.array([30, 10, 20], dtype=np.uint64)
    kept = {"losses": np.array([3.0, 1.0, 2.0]), "right": np.array([True, False, True])}
    stored = json.loads(json.dumps(pack(ids, kept)))
    found = unpack(stored)
    assert found["losses"].tolist() == [1.0, 2.0, 3.0]
    assert found["right"].tolist() == [False, True, True]
    assert stored["count"] == 3


def test_the_hash_is_that_of_the_split_record():
    data = class_rows(100)
    rows = data.splits["test"]
    stored = pack(data.id_keys(rows[::-1]), {})
    assert stored["sha256"] == data.split_record("test")["sha256"]


def test_ten_thousand_rows_are_small():
    generator = np.random.default_rng(0)
    kept = {
        "answers": generator.integers(0, 10, 10_000),
        "truths": generator.integers(0, 10, 10_000),
        "losses": generator.exponential(size=10_000),
    }
    stored = json.dumps(pack(np.arange(10_000, dtype=np.uint64), kept))
    assert len(stored) < 70_000


KEYS = np.array([30, 10, 20], dtype=np.uint64)
TOLD = np.array([[0, 1], [1, 0], [1, 1]])


def recorded(values, keys=KEYS, frame=""):
    return json.loads(json.dumps(pack(keys, {}, Truths(np.asarray(values), frame))))


def test_another_truth_of_the_same_rows_is_known_by_its_digest():
    kept = recorded(TOLD)
    assert other_truths(kept, recorded(1 - TOLD))
    assert other_truths(kept, recorded(TOLD[[1, 0, 2]]))  # the same labels, of other rows
    assert not other_truths(kept, pack(KEYS, {}))  # a run that kept none
    assert not other_truths(recorded(TOLD, frame="8 x 8"), recorded(2 * TOLD, frame="16 x 16"))


def test_order_type_and_the_way_a_number_is_written_make_no_other_truth():
    kept, order = recorded(TOLD), [2, 0, 1]
    for dtype in ("<i4", ">i8", "<f4", ">f8"):
        assert not other_truths(kept, recorded(TOLD[order].astype(dtype), KEYS[order]))
    twins = np.array([7, 7, 9], dtype=np.uint64)  # rows that cannot be told apart
    assert not other_truths(recorded(TOLD, twins), recorded(TOLD[[1, 0, 2]], twins))
    assert not other_truths(recorded([0.0, np.nan, 1.0]), recorded([-0.0, -np.nan, 1.0]))


def damaged(change):
    stored = pack(np.arange(2, dtype=np.uint64), {"losses": np.array([1.0, 2.0])})
    change(stored)
    return stored


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["arrays"]["losses"].update(zlib="not base64!"),
        lambda s: s["arrays"]["losses"].update(zlib=base64.b64encode(b"junk").decode()),
        lambda s: s.update(count=3),
        lambda s: s.update(count=1),
        lambda s: s.pop("arrays"),
        lambda s: s["arrays"]["losses"].pop("kind"),
    ],
)
def test_damage_is_told(change):
    with pytest.raises(UserError, match="cannot be read"):
        unpack(damaged(change))


def test_a_bomb_is_not_unpacked():
    """A few stored bytes that would fill the memory are refused, having unpacked nine of them."""
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
    with pytest.raises(UserError, match="9 bytes, not 8"):
        unpack(damaged(lambda s: s["arrays"]["losses"].update(zlib=bomb)))
