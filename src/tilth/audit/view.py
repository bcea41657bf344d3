"""What a report says in words, worked out from a run's files so that the template only places it.

Everything here is plain text: the template escapes it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from tilth import console
from tilth.audit import sentences, words
from tilth.audit.headline import best_baseline
from tilth.audit.run_files import RunFiles
from tilth.audit.settings_view import settings_view
from tilth.audit.usage import usage, why
from tilth.data.dataset import USES

CALIBRATION_ROWS = (
    ("ece", "Calibration error", "mean gap between confidence and share right, 15 equal bins"),
    ("adaptive_ece", "The same, bins of equal counts", "sees inside the crowded last bin"),
    ("nll", "Log loss", "mean negative log-probability of the true class, nats"),
    ("brier", "Brier score", "mean squared distance of the chances to the truth, 0 to 2"),
)

LOSS_NOTE = (
    "The loss on train is taken while learning, with whatever makes learning harder "
    "(augmentation, dropout, smoothed labels); it may lie above the loss on valid."
)


def view(run: RunFiles) -> dict[str, Any]:
    """Return every text the template needs beside the audit itself."""
    audit = run.audit
    training = audit.get("training") or {}
    seconds = training.get("seconds") or run.outcome.get("seconds")
    return {
        "subtitle": _subtitle(run),
        "contents": _contents(audit),
        "cards": _cards(audit, seconds),
        "warnings": _warnings(run),
        "seconds": console.seconds(seconds) if seconds else "not recorded",
        "things": sentences.plural(audit),
        "data_lines": sentences.data_lines(run),
        "metrics": sorted(audit["metrics"], key=lambda metric: metric != audit["main_metric"]),
        "uses": USES,
        "label_places": {label: i for i, label in enumerate(audit["target"]["labels"])},
        "training_lines": sentences.training_lines(run, training),
        "loss_note": _loss_note(run),
        "finder_reason": (training.get("lr_finder") or {}).get("reason", ""),
        "error_lines": sentences.error_lines(audit) if "worst" in audit else [],
        "regression_lines": sentences.regression_lines(audit),
        "outside": sentences.outside(audit),
        "calibration_lines": sentences.calibration_lines(audit) if "temperature" in audit else [],
        "calibration_rows": CALIBRATION_ROWS,
        "tempered": audit.get("temperature", {}).get("value", 1.0) != 1.0,
        "columns": _columns(audit),
        "columns_left_out": max(
            (one.get("columns_left_out", 0) for one in audit.get("worst", [])), default=0
        ),
        "commands": _commands(run),
        "made": " " + run.environment.get("versions", {}).get("tilth", ""),
        "folder": run.folder.resolve().name,
        **settings_view(run),
    }


def _loss_note(run: RunFiles) -> str:
    """Return what the look says of the loss, or what to know where it was taken on valid too."""
    both = any("valid/loss" in one or "valid/log_loss" in one for one in run.records)
    return run.audit.get("loss_note") or (LOSS_NOTE if both else "")


def _subtitle(run: RunFiles) -> str:
    audit = run.audit
    target = audit["target"]
    if "subtitle" in audit:
        said = audit["subtitle"]
    elif target["kind"] == "classes":
        said = (
            f"Which of {len(target['labels'])} classes a {sentences.plural(audit)[:-1]} belongs to"
        )
        if audit["data"]["kind"] == "table":
            said = f"{target['name']}: which of {len(target['labels'])} classes a row belongs to"
    else:
        said = f"{target['name']}: the number for each {sentences.plural(audit)[:-1]}"
    model = (audit.get("training") or {}).get("model") or {}
    time = str(run.outcome.get("time", "")).replace("T", " ").replace("+00:00", " UTC")
    parts = [said, f"model {model['name']}" if model.get("name") else "", time]
    return ", ".join(part for part in parts if part)


def _contents(audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = [
        ("result", "Result", True),
        ("data", "The data", True),
        ("training", "Training", True),
        ("confusion", "Confusion", audit.get("confusion")),
        ("numbers", "Numbers", audit.get("regression")),
        ("errors", "Worst errors", "worst" in audit),
        *((part["anchor"], part["title"], True) for part in audit.get("sections", [])),
        ("calibration", "Calibration", audit.get("calibration")),
        ("settings", "Settings and cost", True),
        ("unchecked", "Not checked", True),
        ("next", "Next", True),
    ]
    return [(anchor, name) for anchor, name, there in listed if there]


def _cards(audit: Mapping[str, Any], seconds: float | None) -> list[dict[str, str]]:
    metric = audit["main_metric"]
    found, best = audit["test"][metric], best_baseline(audit["baselines"])
    ends = words.interval(metric, found)
    cards = [
        _card(
            f"{words.title(metric)} on test",
            words.measure(metric, found["value"]),
            f"95 % interval {ends}" if ends else "no interval",
        )
    ]
    if best is not None:
        value = words.measure(metric, best["metrics"][metric]["value"])
        cards.append(_card("Best simple baseline", value, best["what"]))
        cards.append(_difference_card(metric, best["difference"]))
    cards.append(
        _card(f"Test {sentences.plural(audit)}", f"{audit['test_count']:,}", "never learned from")
    )
    if seconds:
        cards.append(_card("Training took", console.seconds(seconds), ""))
    if audit.get("calibration"):
        error = audit["calibration"]["after"]["ece"]
        tempered = audit["temperature"]["value"] != 1.0
        cards.append(
            _card(
                "Calibration error", words.percent(error), "after temperature" if tempered else ""
            )
        )
    elif audit.get("regression") and audit["regression"]["coverage"]["half_width"] is not None:
        width = words.number(audit["regression"]["coverage"]["half_width"], 3)
        cards.append(
            _card("90 % interval", f"{words.PLUS_MINUS} {width}", "around each prediction")
        )
    return cards


def _difference_card(metric: str, gap: Mapping[str, Any]) -> dict[str, str]:
    word = "worse" if gap["value"] < 0 else "better"
    size, _, unit = words.difference(metric, abs(gap["value"])).lstrip("+").partition(" ")
    if gap["verdict"] == word:
        return _card(f"Net is {word} by", size, unit)
    unsure = "too close to call" if gap["verdict"] == "no clear difference" else gap["verdict"]
    return _card(f"Net is {words.AHEAD[word]} by", size, f"{unit}, {unsure}".strip(", "))


def _card(name: str, value: str, more: str) -> dict[str, str]:
    return {"name": name, "value": value, "more": more}


def _warnings(run: RunFiles) -> list[dict[str, str]]:
    audit = run.audit
    best = best_baseline(audit["baselines"])
    said = []
    if best is not None and best["difference"]["verdict"] == "worse":
        text = f"A simple model does better: {best['what']}. Prefer it, or train on."
        said.append({"kind": "worse", "text": text})
    elif best is not None and best["difference"]["verdict"] == "no clear difference":
        text = f"These test rows do not show that the net is better than {best['what']}."
        said.append({"kind": "warning", "text": text})
    said += [{"kind": "warning", "text": text} for text in audit.get("warnings", [])]
    said += [
        {"kind": "error", "text": f"In the data: {finding['what']}"}
        for finding in audit["findings"]
        if finding["severity"] == "error"
    ]
    if run.missing:
        said.append({"kind": "warning", "text": "Not shown here: " + "; ".join(run.missing) + "."})
    return said


def _columns(audit: Mapping[str, Any]) -> list[str]:
    listed: dict[str, None] = {}
    for one in [*audit.get("worst", []), *audit.get("least_certain", [])]:
        listed |= dict.fromkeys(one.get("row") or {})
    return list(listed)


def _commands(run: RunFiles) -> list[dict[str, str]]:
    folder = shlex.quote(str(run.folder))
    training = run.audit.get("training") or {}
    own = {"model": (training.get("model") or {}).get("name"), "collate": training.get("collate")}
    kind, answers = run.audit["data"]["kind"], run.audit.get("answers", "predictions")
    files = {"images": "new_pictures/"}.get(kind, "new_rows.csv")
    files += " --out answers.csv" * (answers == "predictions")
    return [
        {
            "why": why(answers, run.audit["target"]["kind"]),
            "text": usage(str(run.folder), kind=kind, files=files, answers=answers, **own),
        },
        {"why": "The model to take along:", "text": f"tilth export {folder} my-model"},
        {
            "why": "Side by side with another run on the same test rows:",
            "text": f"tilth compare {folder} ANOTHER_RUN",
        },
    ]
