"""Schedules against torch's and closed forms."""

import math

import pytest
import torch
from torch import nn

from tilth.train.schedules import SCHEDULES, constant, cosine, flat_cosine, one_cycle


def test_one_cycle_is_torchs_one_cycle():
    steps, peak = 101, 0.1
    optimizer = torch.optim.AdamW(nn.Linear(1, 1).parameters(), lr=peak)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        peak,
        total_steps=steps,
        pct_start=0.25,
        div_factor=25,
        final_div_factor=4000,
        base_momentum=0.85,
        max_momentum=0.95,
    )
    ours = one_cycle()
    # torch counts its phases in steps: the warm-up ends at 0.25 * steps - 1, the end at steps - 1
    warm_end, end = 0.25 * steps - 1, steps - 1
    for step in range(steps):
        progress = (
            0.25 * step / warm_end
            if step <= warm_end
            else 0.25 + 0.75 * (step - warm_end) / (end - warm_end)
        )
        factor, momentum = ours(progress)
        assert factor * peak == pytest.approx(theirs.get_last_lr()[0], rel=1e-6, abs=1e-9)
        assert momentum == pytest.approx(optimizer.param_groups[0]["betas"][0])
        optimizer.step()
        theirs.step() if step < steps - 1 else None


def test_flat_cosine_is_flat_then_falls_to_nothing():
    schedule = flat_cosine(0.6)
    assert schedule(0.59) == (1.0, 0.85)
    assert schedule(0.8)[0] == pytest.approx((1 + math.cos(math.pi / 2)) / 2)
    assert schedule(1.0)[0] == pytest.approx(0.0)


def test_momentum_of_flat_cosine_mirrors_the_rate():
    """As one-cycle's does: the same momentum wherever the rate is the same."""
    flat, cycle = flat_cosine(0.6), one_cycle(warm=0.6)
    for progress in (0.6, 0.7, 0.85, 0.99):
        assert flat(progress)[1] == pytest.approx(cycle(progress)[1])
    assert flat_cosine(momenta=(0.9, 0.5))(0.0)[1] == 0.5
    assert flat(1.0)[1] == pytest.approx(0.95)


def test_cosine_and_constant():
    assert cosine(2.0, 4.0, 0.25) == pytest.approx(3 - math.cos(math.pi / 4))
    assert constant()(0.3) == (1.0, None)


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_stay_between_nothing_and_the_peak(name):
    schedule = SCHEDULES[name]()
    values = [schedule(step / 200)[0] for step in range(201)]
    assert all(0 <= value <= 1 for value in values)
    assert max(values) == 1
