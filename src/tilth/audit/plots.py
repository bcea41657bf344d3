"""The plots that every report has: scores, training curves, learning rate."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from tilth.audit import figures, history, words
from tilth.audit.figures import INK, LINE, NET, OTHER, VALID, drawable
from tilth.audit.history import Line, Records

_LETTERS = 30  # beside a plot; two lines stand in a row


def contest(audit: Mapping[str, Any]) -> str:
    """Draw the main metric of the net and each baseline with 95 % intervals."""
    metric = audit["main_metric"]
    rows = [("this net", audit["test"][metric])]
    rows += [
        (one["what"], one["metrics"][metric])
        for one in audit["baselines"]
        if one["metrics"].get(metric, {}).get("value") is not None
    ]
    factor = 100 if metric in words.PERCENT else 1
    with figures.style():
        figure, axes = figures.new(6.0, 1.1 + 0.45 * len(rows))
        for place, (_, found) in enumerate(rows):
            _dot(axes, found, place, factor, OTHER if place else NET)
            axes.annotate(
                words.measure(metric, found["value"]),
                (factor * found["value"], place),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
        names = [_two_lines(name) for name, _ in rows]
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(len(rows) - 0.5, -0.7)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.08)
        better = "less is better" if audit["metrics"][metric]["mode"] == "min" else "more is better"
        axes.set_xlabel(
            f"{drawable(words.title(metric), 30)} on test{unit(audit, metric)}, {better}"
        )
        axes.set_title("Test scores, with 95 % intervals")
        return figures.svg(figure, "contest", "Scores of the net and the baselines", tight=True)


def _dot(axes: Any, found: Mapping[str, Any], place: int, factor: int, colour: str) -> None:
    if found["low"] is not None and found["high"] is not None:
        ends = [factor * found["low"], factor * found["high"]]
        axes.plot(ends, [place] * 2, color=colour, linewidth=5, alpha=0.4, solid_capstyle="round")
    axes.plot(factor * found["value"], place, "o", color=colour, markersize=7)


def unit(audit: Mapping[str, Any], metric: str) -> str:
    """Return the unit of a metric for an axis: per cent, or the target's."""
    if metric in words.PERCENT:
        return " (%)"
    return f" ({drawable(audit['target']['name'])})" if metric in {"rmse", "mae"} else ""


def _two_lines(name: str) -> str:
    """Return a name in two lines at the most: as many as stand in a row of the plot."""
    return textwrap.fill(drawable(name, 2 * _LETTERS), _LETTERS, max_lines=2, placeholder="...")


def loss_curves(records: Records) -> str | None:
    """Draw the loss on train and on valid; None where neither was recorded."""
    lines = {
        "train": history.line(records, "train/loss"),
        "valid": history.line(records, "valid/loss"),
    }
    if not lines["valid"][0]:
        lines["valid"] = history.line(records, "valid/log_loss")
    recorded = {split: drawn for split, drawn in lines.items() if drawn[0]}
    return _curves(records, recorded, "Loss", "loss", "loss") if recorded else None


def metric_curve(
    audit: Mapping[str, Any], records: Records, metric: str, best_epoch: float | None
) -> str | None:
    """Draw one metric on valid by epoch, its chosen epoch marked; None where not recorded."""
    drawn = history.line(records, f"valid/{metric}")
    if not drawn[0]:
        return None
    if metric in words.PERCENT:
        drawn = (drawn[0], [100 * value for value in drawn[1]])
    name = drawable(words.title(metric), 30)
    label = f"{name}{unit(audit, metric)}"
    return _curves(records, {"valid": drawn}, name, label, metric, best_epoch)


def _curves(
    records: Records,
    lines: Mapping[str, Line],
    name: str,
    label: str,
    identity: str,
    best_epoch: float | None = None,
) -> str:
    with figures.style():
        figure, axes = figures.new(5.0, 3.1)
        for split, (where, values) in lines.items():
            marker = "o" if len(where) <= 30 else ""
            colour = VALID if split == "valid" else NET
            axes.plot(where, values, marker=marker, markersize=3.5, color=colour, label=split)
        for end in history.phase_ends(records):
            axes.axvline(end, color=LINE, linestyle=":", label="new phase")
        if best_epoch is not None:
            axes.axvline(best_epoch, color=INK, linestyle="--", linewidth=1, label="weights kept")
        handles, names = axes.get_legend_handles_labels()
        unique = dict(zip(names, handles, strict=True))
        axes.legend(unique.values(), unique.keys(), fontsize=8.5)
        _epochs(axes)
        if identity in words.PERCENT:
            axes.set_ylim(top=min(axes.get_ylim()[1], 101))
        axes.set(ylabel=label, title=f"{name} by epoch")
        plain_id = "".join(mark for mark in identity if mark.isalnum())
        return figures.svg(figure, f"curve-{plain_id}", f"{name} by epoch")


def _epochs(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.set_xlabel("epoch")


def learning_rate(config: Mapping[str, Any], records: Records) -> str | None:
    """Draw the planned learning rate and what was recorded; None where there is neither."""
    planned, seen = history.planned_rates(config, records), history.line(records, "lr")
    if not planned[0] and not seen[0]:
        return None
    with figures.style():
        figure, axes = figures.new(5.0, 3.1)
        if planned[0]:
            axes.plot(*planned, color=NET, label="planned")
        if seen[0]:
            axes.plot(*seen, "o", markersize=4, color=VALID, label="used, at each look at valid")
        axes.legend(fontsize=8.5)
        axes.yaxis.set_major_formatter(lambda value, place: f"{value:.2g}")
        rates = {*planned[1], *seen[1]}
        if max(rates) - min(rates) < 1e-6 * max(rates):  # ticks beside it would read alike
            axes.set_yticks([max(rates)])
        _epochs(axes)
        axes.set(ylabel="learning rate", title="Learning rate by epoch")
        return figures.svg(figure, "rate", "Learning rate by epoch")


def finder(found: Mapping[str, Any]) -> str | None:
    """Draw the learning-rate finder's curve and its suggestion; None where there is no curve."""
    rates, losses = found.get("rates") or [], found.get("losses") or []
    pairs = [
        (rate, loss) for rate, loss in zip(rates, losses, strict=False) if rate and loss is not None
    ]
    if not pairs:
        return None
    with figures.style():
        figure, axes = figures.new(5.0, 3.1)
        axes.plot([rate for rate, _ in pairs], [loss for _, loss in pairs], color=NET)
        suggestion = found.get("suggestion")
        if suggestion:
            axes.axvline(
                suggestion, color=VALID, linestyle="--", label=f"suggestion {suggestion:.2g}"
            )
            axes.legend(fontsize=8.5)
        axes.set(xscale="log", xlabel="learning rate", ylabel="train loss, smoothed")
        # the usual labels of a log axis are mathematics, which labels here never are
        axes.xaxis.set_major_formatter(lambda value, place: f"{value:.0e}")
        axes.xaxis.set_minor_formatter(lambda value, place: "")
        axes.set_title("Learning-rate finder")
        return figures.svg(figure, "finder", "Loss over the learning rate")
