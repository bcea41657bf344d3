"""The sentence a person repeats says what the numbers allow, with the right sign."""

from __future__ import annotations

import pytest

from tilth.audit.headline import best_baseline, headline


def baseline(value, low, high, verdict, *, what="logistic regression", score=0.9):
    gap = {"value": value, "low": low, "high": high, "verdict": verdict}
    return {"what": what, "difference": gap, "metrics": {"accuracy": {"value": score}}}


def said(*baselines, count=500, low=0.93, kind="table") -> str:
    return headline(
        {
            "main_metric": "accuracy",
            "test_count": count,
            "data": {"kind": kind},
            "test": {"accuracy": {"value": 0.95, "low": low, "high": 0.97}},
            "baselines": list(baselines),
        }
    )


def test_a_net_that_wins():
    assert said(baseline(0.05, 0.03, 0.07, "better"), kind="images") == (
        "On 500 test pictures that it never learned from, the net is right in 95.00 % "
        "(95 % interval 93.00 % to 97.00 %). That is better than the best simple baseline "
        "(logistic regression, 90.00 %) by 5.00 points (95 % interval 3.00 to 7.00 points)."
    )


def test_a_baseline_that_wins_is_named_with_a_positive_size():
    found = said(baseline(-0.02, -0.03, -0.01, "worse"))
    assert found.endswith(
        "worse than the best simple baseline (logistic regression, 90.00 %) by 2.00 points "
        "(95 % interval 1.00 to 3.00 points): use the simple model."
    )


@pytest.mark.parametrize(
    ("value", "low", "high", "place"),
    [(0.01, -0.01, 0.03, "ahead"), (0.01, 0.0, 0.03, "ahead"), (-0.01, -0.03, 0.01, "behind")],
)
def test_what_is_too_close_to_call_is_neither_better_nor_worse(value, low, high, place):
    found = said(baseline(value, low, high, "no clear difference"))
    ends = "0.00" if low == 0 else "-1.00"
    assert found.endswith(
        "Whether that beats the best simple baseline (logistic regression, 90.00 %) is too close "
        f"to call: it is {place} by 1.00 points (95 % interval {ends} to 3.00 points)."
    )
    assert "better" not in found and "worse" not in found


def test_equal_scores_are_called_equal():
    found = said(baseline(0.0, 0.0, 0.0, "no clear difference"))
    assert "no more and no less than the best simple baseline (logistic regression" in found


def test_the_nearest_baseline_is_the_one_to_beat():
    near, far = (baseline(x, x, x, "better") for x in (0.01, 0.3))
    unfitted = baseline(None, None, None, "not known")
    assert best_baseline([far, near, unfitted]) is near
    assert best_baseline([unfitted]) is None


def test_few_rows_and_missing_baselines_are_said():
    found = said(count=40, low=None)
    assert "95 % interval" not in found
    assert "nothing to hold this against" in found
    assert found.endswith("With only 40 test rows, take every number here as rough.")
    assert said(count=1).startswith("On 1 test row that it")


def test_a_difference_without_an_interval_is_not_judged():
    found = said(baseline(0.05, None, None, "not known"))
    assert "Whether it beats the best simple baseline" in found
