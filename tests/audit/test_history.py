"""Curves over phases: epochs count on, and planned rates follow the schedule's formula."""

from __future__ import annotations

import math

import pytest

from tilth.audit import history

TWO_PHASES = [
    {"phase": 0, "step": 10, "epoch": 1.0, "valid/loss": 3.0},
    {"phase": 0, "step": 20, "epoch": 2.0, "valid/loss": None},
    {"phase": 1, "step": 10, "epoch": 0.5, "valid/loss": 2.0},
    {"phase": 1, "step": 20, "epoch": 1.0, "valid/loss": 1.0},
]


def test_epochs_count_on_over_phases():
    assert history.epochs(TWO_PHASES) == [1.0, 2.0, 2.5, 3.0]
    assert history.phase_ends(TWO_PHASES) == [2.0]
    assert history.line(TWO_PHASES, "valid/loss") == ([1.0, 2.5, 3.0], [3.0, 2.0, 1.0])
    assert history.line(TWO_PHASES, "lr") == ([], [])
    assert history.epochs([]) == history.phase_ends([]) == []


def test_the_kept_step_is_of_the_last_phase():
    assert history.epoch_of(TWO_PHASES, 20) == 3.0
    assert history.epoch_of(TWO_PHASES, 15) is None
    assert history.epoch_of(TWO_PHASES, None) is None


def test_planned_rates_follow_the_schedule():
    plan = {"schedule": "flat_cosine", "lr": 0.1, "total_steps": 40, "steps_per_epoch": 10}
    where, rates = history.planned_rates({"phase": [plan]}, [])
    assert (where[0], where[-1]) == (0.1, 4.0)  # the end of the first update, and of the last
    middle = min(range(len(where)), key=lambda i: abs(where[i] - 4 * 0.86))
    used = where[middle] / 4 - 1 / 40  # the progress when this update began
    expected = 0.1 * (1 + math.cos(math.pi * (used - 0.72) / 0.28)) / 2
    assert rates[middle] == pytest.approx(expected)
    last = 0.1 * (1 + math.cos(math.pi * (39 / 40 - 0.72) / 0.28)) / 2
    assert rates[0] == 0.1 and rates[-1] == pytest.approx(last)


def test_a_second_phase_starts_where_the_first_really_ended():
    plan = {"schedule": "constant", "lr": 0.1, "total_steps": 50, "steps_per_epoch": 10}
    where, _ = history.planned_rates({"phase": [plan, plan]}, TWO_PHASES)
    assert where[201] == 2.1  # the first was stopped after two of five epochs; then one update


def test_a_plan_that_is_not_known_is_left_out():
    plan = {"schedule": "of tomorrow", "lr": 0.1, "total_steps": 50, "steps_per_epoch": 10}
    assert history.planned_rates({"phase": [plan]}, []) == ([], [])
