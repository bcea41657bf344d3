"""What each section of a report says before its plots and tables, in plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tilth.audit import words
from tilth.audit.run_files import RunFiles
from tilth.wording import counted


def plural(audit: Mapping[str, Any]) -> str:
    """Return what the data set holds many of."""
    usual = "pictures" if audit["data"]["kind"] == "images" else "rows"
    return str(audit.get("things", usual))


def data_lines(run: RunFiles) -> list[str]:
    """Say how much data there is and how unequal the classes are."""
    audit, things = run.audit, plural(run.audit)
    splits = [split for split in audit["splits"].values() if split["rows"]]
    total = sum(split["rows"] for split in splits)
    lines = [f"{counted(total, things[:-1])} in {len(splits)} parts that share none."]
    if "classes" in splits[0]:
        counts = [sum(each) for each in zip(*(split["classes"] for split in splits), strict=True)]
        if counts and min(counts) > 0:
            times = max(counts) / min(counts)
            lines.append(
                f"The commonest class has {counted(max(counts), things[:-1])}, "
                f"the rarest {min(counts):,} ({times:.1f} to 1)."
            )
    fingerprint = audit["data"].get("fingerprint", "")
    if fingerprint:
        lines.append(f"Fingerprint of ids, contents and targets: {fingerprint[:16]}")
    return lines


def training_lines(run: RunFiles, training: Mapping[str, Any]) -> list[str]:
    """Say how training ended and what it began with."""
    if not run.records:
        return ["No curve can be shown: metrics.jsonl is missing or empty."]
    lines = _still_lines(run)
    if training.get("stopped"):
        best = training.get("best_step")
        kept = "" if best is None else f"; the weights of step {best:,} were kept"
        last = run.records[-1].get("step", 0)
        lines.append(f"Training stopped at step {last:,} ({training['stopped']}){kept}.")
    if training.get("cuts"):
        step, parts = training["cuts"][-1]
        lines.append(
            f"Memory ran out: from step {step:,} on every batch was cut into {parts:,} parts whose "
            "gradients were added up. That is the same step to rounding, but for layers that look "
            "at several rows (batch norm, spectral norm) or draw (dropout)."
        )
    warm = training.get("warm_start") or []
    return lines + [str(line) for line in (warm if isinstance(warm, list) else [warm])]


def _still_lines(run: RunFiles) -> list[str]:
    """Say in which phases layers did not learn."""
    phases = run.config.get("phase", [])
    lines = []
    for number, plan in enumerate(phases, 1):
        if plan.get("frozen"):
            when = f"In phase {number} of {len(phases)} the" if len(phases) > 1 else "The"
            count = plan["frozen"]
            few = f"first {count} layer groups were" if count > 1 else "first layer group was"
            lines.append(
                f"{when} {few} held still: neither weights nor the statistics of batch norms "
                "changed there, and the rest learned."
            )
    return lines


def error_lines(audit: Mapping[str, Any]) -> list[str]:
    """Say how many errors there are and what to look for in those shown."""
    things, shown = plural(audit), len(audit["worst"])
    if audit["target"]["kind"] == "number":
        return [f"The {counted(shown, f'test {things[:-1]}')} farthest from the truth."]
    errors = audit["errors"]
    if not errors:
        return [f"No test {things[:-1]} was given a wrong class."]
    share = words.percent(errors / audit["test_count"])
    part = "" if shown == errors else f" Here are the {shown} to whose truth it gave least chance."
    return [
        f"{errors:,} of {audit['test_count']:,} test {things} ({share}) were given a wrong class."
        f"{part} Look for labels that are wrong, {things} that nobody could tell, and kinds that "
        "train lacks."
    ]


def regression_lines(audit: Mapping[str, Any]) -> list[str]:
    """Say how far off predictions are, and how wide an interval must be to hold the truth."""
    found = audit.get("regression")
    if not found:
        return []
    name, coverage = audit["target"]["name"], found["coverage"]
    lines = [
        f"Half of the predictions of {name} are within {words.number(found['median_error'], 3)} "
        f"of the truth; on average they are off by {words.number(found['bias'], 3)} "
        "(predicted minus true)."
    ]
    rows = coverage["calibrate_rows"]
    if coverage["half_width"] is None:
        return [*lines, f"No interval is given: {rows} calibrate rows are too few for 90 %."]
    width, held = words.number(coverage["half_width"], 3), coverage["observed"]
    lines.append(
        f"A prediction {words.PLUS_MINUS} {width} is meant to hold the truth in 90 % of cases "
        f"(split conformal, from {counted(rows, 'calibrate row')}). "
        f"On test it did in {words.percent(held['value'])} "
        f"(95 % interval {words.interval('accuracy', held)})."
    )
    return lines


def outside(audit: Mapping[str, Any]) -> str:
    """Say how many errors the histogram leaves out."""
    left_out = audit["regression"]["residuals"]["outside"] if audit.get("regression") else 0
    if not left_out:
        return ""
    farther = counted(left_out, "row is farther off", "rows are farther off")
    return f"{farther} than the picture is wide."


def calibration_lines(audit: Mapping[str, Any]) -> list[str]:
    """Say what the temperature is, why, and what it means."""
    temperature = audit["temperature"]
    if temperature["value"] == 1.0:
        return [f"The chances are given as they are (temperature 1; {temperature['why']})."]
    sure = "too sure of itself" if temperature["value"] > 1 else "not sure enough of itself"
    value = words.number(temperature["value"], 3)
    return [
        f"Left alone the net is {sure}. Its outputs are therefore divided by a temperature of "
        f"{value} ({temperature['why']} that are not test rows). That changes how sure it is, "
        "never which class it names."
    ]
