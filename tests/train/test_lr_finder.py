"""The readings of the range test on curves whose answer is known."""

import math

import pytest

from tilth.train.lr_finder import HIGHEST, LOWEST, STEPS, read_curve, steepest, valley

RATES = [LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1)) for step in range(STEPS)]


def curve(best=1e-2, width=1.0):
    """Falls smoothly round one decade below ``best``, rises steeply after it."""
    losses = []
    for rate in RATES:
        fall = 1 / (1 + math.exp(-(math.log10(rate) - math.log10(best) + 1) * 3 / width))
        rise = max(0.0, math.log10(rate / best)) ** 2
        losses.append(2.3 - 2 * fall + 5 * rise)
    return losses


@pytest.mark.parametrize("best", [1e-3, 1e-2, 1e-1])
def test_the_suggestion_follows_the_curve(best):
    found = read_curve(RATES, curve(best), default=123.0)
    assert found.confident
    assert best / 30 < found.suggestion < best
    assert found.low <= found.suggestion <= found.high
    assert "agree" in found.reason


def test_a_flat_curve_gives_the_default_and_says_so():
    found = read_curve(RATES, [2.3] * STEPS, default=0.004)
    assert (found.suggestion, found.confident) == (0.004, False)
    assert "fell by" in found.reason


def test_a_curve_that_ends_at_once_gives_the_default():
    found = read_curve(RATES[:4], [2.3, 2.2, 9.0, 99.0], default=0.004)
    assert (found.suggestion, found.confident) == (0.004, False)
    assert "4 steps" in found.reason


def test_steepest_and_valley_by_hand():
    assert steepest([10.0, 9.9, 9.8, 5.0, 4.9, 4.8]) in (2, 3)
    assert valley([5.0, 6.0, 5.0, 4.0, 3.0, 7.0, 6.5]) == 3
    assert valley([1.0, 2.0, 3.0]) == 0


def test_the_plot_names_its_axes():
    axes = read_curve(RATES, curve(), default=1.0).plot().axes[0]
    assert axes.get_xlabel() == "learning rate"
    assert axes.get_xscale() == "log"
    assert "loss" in axes.get_ylabel()
