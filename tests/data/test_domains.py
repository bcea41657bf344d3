"""Two sets of pictures as one kind of data."""

import numpy as np
import pytest
import torch

import tilth as tl
from tilth.errors import UserError

DRAWS = np.random.default_rng(0)


def pictures(count=60, side=16, channels=1, seed=0):
    stream = np.random.default_rng(seed)
    return stream.integers(0, 255, (count, side, side, channels), dtype=np.uint8)


def labelled(names, seed=0, count=60, **more):
    labels = np.array(list(names))[np.arange(count) % len(names)]
    return tl.arrays(pictures(count, seed=seed, **more), labels)


def test_rows_are_those_of_both_sets_and_each_side_has_its_own_numbers():
    source, onto = labelled("abc"), labelled("abc", seed=1)
    data = tl.domains(source, onto)
    for split in source.splits:
        first, second = data.sides(split)
        assert np.array_equal(first, source.splits[split])
        assert np.array_equal(second, onto.splits[split])
        assert np.array_equal(data.joined(first, second), data.splits[split])
    assert data.item_id(3) == f"source/{source.item_id(3)}"
    assert data.item_id(60 + 3) == f"target/{onto.item_id(3)}"


def test_names_and_contents_of_both_sides_are_in_keys_and_fingerprint():
    one, other, third = labelled("abc"), labelled("abc", seed=1), labelled("abc", seed=2)
    data = tl.domains(one, other)
    keys = data.id_keys(np.arange(120))
    assert len(set(keys.tolist())) == 120
    turned = tl.domains(other, one).id_keys(np.arange(120))
    assert not set(keys.tolist()) & set(turned.tolist())  # which side a picture is on matters
    found = {tl.domains(*pair).fingerprint() for pair in ((one, other), (other, one), (one, third))}
    assert len(found) == 3


def test_what_would_calibrate_is_learned_from_where_nothing_is_calibrated():
    data = tl.domains(labelled("abc"), labelled("abc", seed=1))
    found = data.with_calibrate_in_train()
    wanted = {*data.splits["train"].tolist(), *data.splits["calibrate"].tolist()}
    assert {*found.splits["train"].tolist()} == wanted and not len(found.splits["calibrate"])
    assert len(data.splits["calibrate"]) > 0


def test_labels_of_the_target_are_numbered_as_those_of_the_source():
    source = labelled(["cat", "dog", "hen"])
    onto = labelled(["hen", "dog"], seed=1)
    assert onto.target.labels == ("dog", "hen")
    data = tl.domains(source, onto).with_common_labels()
    names = [data.target.labels[value] for value in data.onto.targets.tolist()]
    assert names == ["hen", "dog"] * 30


def test_labels_that_the_source_lacks_are_refused_with_what_may_be_meant():
    data = tl.domains(labelled(["cat", "dog"]), labelled(["Cat", "owl"], seed=1))
    with pytest.raises(UserError, match=r"'Cat' may be 'cat'.*name them alike"):
        data.with_common_labels()


def test_pictures_without_labels_are_a_target_and_no_finding():
    data = tl.domains(labelled("abc"), pictures(seed=1))
    assert not data.labelled and data.onto.target.kind == "none"
    assert "one_class" not in {one.code for one in data.findings()}
    assert data.with_common_labels() is data
    # a labelled set of one class is another matter
    alone = tl.domains(labelled("abc"), labelled("a", seed=1))
    assert alone.labelled and "one_class" in {one.code for one in alone.findings()}


def test_pictures_that_are_in_both_are_found():
    first, second = pictures(), pictures(seed=1)
    second[7] = first[3]
    names = np.arange(60) % 3
    (found,) = (
        one
        for one in tl.domains(tl.arrays(first, names), tl.arrays(second, names)).findings()
        if one.code == "in_both_domains"
    )
    assert found.what.startswith("1 pictures") and found.items[0].startswith("target/7-")


def test_black_and_white_are_the_same_numbers_in_both():
    data = tl.domains(labelled("abc"), labelled("abc", seed=1)).in_range(-1.0, 1.0)
    rows = torch.arange(5)
    for one in (data.source, data.onto):
        raw = one.store.take(rows)
        inputs = one.prepare(train=False)(raw, rows, 0)
        torch.testing.assert_close(inputs, raw.float() / 127.5 - 1, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({}, {"channels": 3}, "source arrays has 1 channels.*target.* grey=True"),
        ({"channels": 3}, {}, "read the source without colour"),
        ({}, {"side": 20}, "16 x 16 px, the target arrays 20 x 20.*size=16"),
    ],
)
def test_sets_that_one_net_could_not_take_are_refused(first, second, told):
    with pytest.raises(UserError, match=told):
        tl.domains(labelled("abc", **first), labelled("abc", seed=1, **second))


def test_other_mistakes_are_refused():
    source = labelled("abc")
    with pytest.raises(UserError, match=r"are the same pictures"):
        tl.domains(source, source)
    floats = tl.arrays(pictures(seed=1).astype(np.float32) / 77.7, np.arange(60) % 3)
    with pytest.raises(UserError, match=r"uint8 from 0 to 255.*float32.*give both as uint8"):
        tl.domains(source, floats)
    with pytest.raises(UserError, match="a dict as one of two domains"):
        tl.domains(source, {})
    with pytest.raises(UserError, match="where no folder is read"):
        tl.domains(source, pictures(seed=1), size=16)
    with pytest.raises(UserError, match=r"name another task: .*'adapt' or 'translate'"):
        tl.Learner(tl.domains(source, pictures(seed=1)), quiet=True)
