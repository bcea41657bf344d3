"""Small photographs beside other libraries: the seconds are filled, and speed is that of passes."""

import pytest

from bench import photographs
from bench.ours_images import speed


class FakeClock:
    """Gives 11 s for the rehearsal, of which 8 were passes, and 58 s for the run."""

    laps = (11.0, 58.0)

    def __init__(self):
        self.left = iter(FakeClock.laps[FakeClock.made :])
        FakeClock.made += 1

    def lap(self):
        return next(self.left)


def test_a_peer_trains_for_as_many_epochs_as_fit_beside_what_is_no_pass(monkeypatch):
    FakeClock.made = 0
    monkeypatch.setattr(photographs, "Clock", FakeClock)
    asked = []

    def train(epochs):
        asked.append(epochs)
        return [5.0] + [3.0] * (epochs - 1), lambda: 0.75

    found = photographs.fill(train, {"seconds": 60.0}, per_epoch=100)
    assert asked == [2, 19]  # 60 s, of which 3 are no pass, hold nineteen passes of 3 s
    assert found == {
        "seconds": 58.0,
        "epochs": 19,
        "images_per_second": 100 * 19 / (5 + 18 * 3),
        "accuracy": 0.75,
    }


def test_seconds_that_hold_no_epoch_still_give_one(monkeypatch):
    FakeClock.made = 0
    monkeypatch.setattr(photographs, "Clock", FakeClock)
    found = photographs.fill(
        lambda epochs: ([4.0] * epochs, lambda: 0.5), {"seconds": 2.0}, per_epoch=8
    )
    assert found["epochs"] == 1


def test_speed_leaves_out_what_lies_between_two_epochs():
    """Two epochs of four steps of 10 pictures: 1 s each, the last 6 s (a look), the first 3 s."""
    laps, seen = [(0, 0.0, 0)], 0
    for step, seconds in enumerate([3, 1, 1, 6, 3, 1, 1, 6], start=1):
        seen += 10
        laps.append((step, float(seconds), seen))
    assert speed(laps, 4) == pytest.approx(10)
    assert speed([(0, 0.0, 0), (1, 2.0, 8), (2, 2.0, 24)], 2) == 6  # none lies between
