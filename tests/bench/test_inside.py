"""The bars of looking inside and of attacks, on scikit-learn's digits."""

import numpy as np
import pytest
import torch

from bench.inside import attacks, canvases, edge, inside, noisy, small_pointing


@pytest.mark.slow
def test_the_brightest_place_lies_in_the_digit_that_was_asked_for():
    found = small_pointing(1)
    assert found["in the digit"] >= 0.85 and found["random places"] <= 0.2
    assert found["rank correlation, weights drawn anew"] < 0.3


@pytest.mark.slow
def test_a_net_trained_against_attacks_holds_where_a_plain_one_falls():
    found = attacks(1)
    assert found["defended, PGD 0.1"] >= 0.75 and found["defended, clean"] >= 0.95
    assert found["plain, PGD 0.1"] <= 0.55
    assert found["plain, PGD 0.2"] <= 0.05 and found["plain, FGSM 0.2"] <= 0.15
    assert found["plain, random signs 0.2"] >= 0.85
    assert found["convolutions, PGD 0.2 made for plain"] <= 0.6
    assert found["plain, Square 0.2, 500 queries"] <= 0.4


def test_canvases_hold_three_classes_that_do_not_overlap():
    pictures = torch.arange(1, 11).float()[:, None, None].expand(10, 4, 4) / 10
    found, there, boxes = canvases(pictures, torch.arange(10), 50, 13, 0)
    assert bool((there.sum(1) == 3).all())
    for row in range(50):
        assert int((found[row] > 0).sum()) == 3 * 16  # no digit covers another
        for one in torch.nonzero(there[row]).flatten().tolist():
            top, left, bottom, right = boxes[row, one].tolist()
            assert bool((found[row, 0, top:bottom, left:right] == (one + 1) / 10).all())
    assert bool((boxes[there == 0] == -1).all())


def test_places_are_looked_up_in_their_boxes():
    boxes = torch.tensor([[1, 2, 3, 4]]).expand(4, 4)
    places = torch.tensor([1 * 5 + 2, 2 * 5 + 3, 3 * 5 + 2, 1 * 5 + 4])
    assert inside(places, boxes, 5) == [True, True, False, False]


def test_noise_changes_the_share_that_was_asked_for():
    labels = torch.arange(10_000) % 10
    uniform, flipped = (noisy(labels, 0.5, kind, 0) for kind in ("uniform", "flip"))
    assert float((flipped != labels).float().mean()) == pytest.approx(0.5, abs=0.02)
    assert bool(((flipped == labels) | (flipped == (labels + 1) % 10)).all())
    assert float((uniform != labels).float().mean()) == pytest.approx(0.45, abs=0.02)


def test_an_edge_has_each_of_its_places_once():
    assert sorted(edge(np.arange(9.0).reshape(3, 3))) == [0, 1, 2, 3, 5, 6, 7, 8]
