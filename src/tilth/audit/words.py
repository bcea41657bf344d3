"""Numbers and names as a person reads them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1_macro": "F1 (macro)",
    "log_loss": "Log loss",
    "auc": "AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R2",
    "mse": "MSE",
    "elbo": "ELBO",
    "kl": "KL divergence",
    "reconstruction": "Reconstruction",
    "return": "Return",
    "kid": "KID",
    "cycle_error": "Cycle error",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "exits": "Roads left",
    "f1": "F1",
    "f2": "F2",
    "exact": "All labels right",
    "nme": "Normalised mean error",
    "found": "Points found",
    "iou": "Mean IoU",
    "dice": "Dice",
    "pixels": "Pixels right",
}
EXPLANATIONS = {
    "accuracy": "share of rows whose most probable class is the true one",
    "balanced_accuracy": "mean over the classes of the share of their rows found",
    "f1_macro": "mean over the classes of the harmonic mean of precision and recall",
    "log_loss": "mean negative log-probability of the true class, in nats (less is better)",
    "auc": "chance that a row of the second class is ranked above one of the first",
    "rmse": "root of the mean squared error, in the target's units (less is better)",
    "mae": "mean absolute error, in the target's units (less is better)",
    "r2": "share of the variance explained: 1 is perfect, 0 is always saying the mean",
    "mse": "mean squared error of what comes back, over all numbers of a row (less is better)",
    "elbo": "lower bound of the log-probability of a row, in nats",
    "reconstruction": "log-probability of a row given its own latents, in nats",
    "kl": "what the latents of a row say beyond the prior, in nats",
    "return": "sum of the rewards of an episode",
    "length": "steps of an episode",
    "kid": "squared distance of translated pictures to real ones, in features of a fixed net (less "
    "is better; comparable on the same data alone)",
    "cycle_error": "mean difference of a picture that went there and back, from 0 to 1 (less is "
    "better)",
    "psnr": "peak signal-to-noise ratio, the mean over pictures; +3 dB is half the squared error",
    "ssim": "structural similarity to what was wanted: 1 where nothing differs",
    "style_loss": "distance in content plus the weighted distance in style (less is better)",
    "content_distance": "from the picture itself, as a net sees it (less is better)",
    "style_distance": "from the style picture, as a net sees it (less is better)",
    "f1": "mean over rows of the harmonic mean of precision and recall of their labels",
    "f2": "as F1, with recall counting twice as much as precision",
    "exact": "share of rows of which every label is right",
    "nme": "mean distance of points, as a share of the size of what they lie on (less is better)",
    "found": "share of points within a tenth of that size",
    "iou": "mean over classes of the pixels both said and true over those said or true",
    "dice": "mean over classes of twice the pixels both said and true over said plus true",
    "pixels": "share of pixels whose class is right",
    "exits": "share of episodes in which the road was left (less is better)",
    "kernel_distance": "squared kernel discrepancy of made and real rows; around 0 for two sets of "
    "real ones (less is better)",
    "label_agreement": "share of rows made for a label that are read as that label",
}
PERCENT = frozenset(
    {"accuracy", "balanced_accuracy", "exits", "label_agreement", "exact", "found", "pixels"}
)
AHEAD = {"better": "ahead", "worse": "behind"}
"""What a difference is called that the test rows do not make sure of."""
PLUS_MINUS = "\u00b1"


def title(metric: str) -> str:
    """Return a metric's name for people; a user's own metric keeps its name.

    >>> title("auc"), title("my_cost")
    ('AUC', 'my cost')
    """
    plain = metric.replace("_", " ")
    return TITLES.get(metric, plain.capitalize() if metric in EXPLANATIONS else plain)


def described(metric: str, mode: str) -> dict[str, str]:
    """Return what audit.json says of a metric.

    >>> described("my_cost", "min")["explanation"]
    'a metric of your own'
    """
    explanation = EXPLANATIONS.get(metric, "a metric of your own")
    return {"title": title(metric), "mode": mode, "explanation": explanation}


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with ``digits`` significant digits, thousands set off.

    >>> number(0.98765), number(1234567.0), number(12.3), number(None), number(0)
    ('0.9877', '1,234,567', '12.3', 'not defined', '0')
    """
    if value is None or not math.isfinite(value):
        return "not defined"
    if isinstance(value, int) or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"


def measure(metric: str, value: float | None) -> str:
    """Return a metric's value: shares of rows as per cent, all others as numbers.

    >>> measure("accuracy", 0.98765), measure("auc", 0.9)
    ('98.77 %', '0.9000')
    """
    if value is None or not math.isfinite(value):
        return "not defined"
    if metric in PERCENT:
        return f"{100 * value:.2f} %" if value < 1 else "100 %"
    if metric in TITLES and abs(value) < 1:
        return f"{value:.4f}" if abs(value) >= 0.00005 else "0.0000"  # without a sign
    return number(value)


def interval(metric: str, found: Mapping[str, Any]) -> str:
    """Return the ends of an interval, empty where it has none.

    >>> interval("accuracy", {"value": 0.9, "low": 0.85, "high": 0.94})
    '85.00 % to 94.00 %'
    """
    if found.get("low") is None or found.get("high") is None:
        return ""
    return f"{measure(metric, found['low'])} to {measure(metric, found['high'])}"


def difference(metric: str, value: float | None) -> str:
    """Return a difference with its sign; shares of rows in percentage points.

    >>> difference("accuracy", 0.0512), difference("auc", -0.01)
    ('+5.12 points', '-0.0100')
    """
    if value is None or not math.isfinite(value):
        return "not defined"
    text = measure(metric, abs(value))
    if metric in PERCENT:
        text = f"{100 * abs(value):.2f} points"
    # what rounds to nothing has no sign
    sign = "-" if value < 0 and text.strip("0. points") else "+"
    return sign + text


def difference_interval(metric: str, found: Mapping[str, Any]) -> str:
    """Return the ends of a difference's interval, empty where it has none.

    >>> difference_interval("accuracy", {"low": -0.01, "high": 0.02})
    '-1.00 to +2.00 points'
    """
    if found.get("low") is None or found.get("high") is None:
        return ""
    low, high = (difference(metric, found[end]) for end in ("low", "high"))
    return f"{low.removesuffix(' points')} to {high}"


def better_by(metric: str, gap: Mapping[str, Any]) -> tuple[str, str]:
    """Return "better" or "worse", and by how much as a positive number with its interval.

    >>> better_by("accuracy", {"value": -0.02, "low": -0.03, "high": 0.01})
    ('worse', '2.00 points (95 % interval -1.00 to 3.00 points)')
    """
    ends, word = dict(gap), "better"
    if gap["value"] < 0:
        turned = {end: None if gap[end] is None else -gap[end] for end in ("low", "high")}
        ends = {"value": -gap["value"], "low": turned["high"], "high": turned["low"]}
        word = "worse"
    said = difference(metric, ends["value"])
    sure = difference_interval(metric, ends)
    return word, (f"{said} (95 % interval {sure})" if sure else said).replace("+", "")


def short(text: str, most: int) -> str:
    """Return the text, its middle left out where it is longer than ``most`` characters.

    >>> short("abcdefghij", 7)
    'ab...ij'
    """
    if len(text) <= most:
        return text
    kept = most - 3
    return f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"


def item(name: str) -> str:
    """Return what an item is called without the hash that tells equal rows apart.

    >>> item("line 465 4a5fa43861c2d7fc"), item("cats/1.png")
    ('line 465', 'cats/1.png')
    """
    return re.sub(r"^((?:line|row) \d+) [0-9a-f]{16,}$", r"\1", name)


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as per cent, a dash where there is none.

    >>> percent(0.1234), percent(1, 0), percent(None)
    ('12.3 %', '100 %', '-')
    """
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def cell(value: object) -> str:
    """Return a table's cell as text: missing ones as a word, numbers short.

    >>> cell(None), cell(1.23456789), cell(7), cell("x")
    ('(missing)', '1.235', '7', 'x')
    >>> cell("2012-10-03T00:00:00"), cell(True)
    ('2012-10-03', 'yes')
    """
    if value is None:
        return "(missing)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return re.sub(r"^(\d{4}-\d\d-\d\d)T00:00:00$", r"\1", value)
    return number(value) if isinstance(value, float) else str(value)
