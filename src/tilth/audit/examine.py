"""Look at a trained model's outputs: one JSON-ready dict that the report is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from tilth.audit import calibration, operating, showcase, words
from tilth.audit.baselines import Baseline, fit_baselines
from tilth.audit.calibration import Temperature
from tilth.audit.confusion import confusion
from tilth.audit.headline import headline
from tilth.audit.regression import examine_numbers
from tilth.audit.row_records import pack
from tilth.audit.scores import Scores, score, verdict
from tilth.audit.set_aside import set_aside
from tilth.audit.unchecked import not_checked
from tilth.data.dataset import IntArray, Rows
from tilth.errors import UserError
from tilth.plain import plain
from tilth.tasks import Array
from tilth.tasks._predicting import Predicting
from tilth.train.evaluate import Outputs

VERSION = 1


def examine(
    data: Rows, task: Predicting, outputs: Mapping[str, Outputs], *, seed: int = 0
) -> dict[str, Any]:
    """Return everything the report shows, as plain values that JSON can carry.

    outputs: what the model said about the splits; "test" judges, "calibrate" (where there is
    one) fits the temperature or the width of the intervals
    seed: of the resampling and of the baselines, nothing else

    Test rows whose label train never held are left out of the scores and counted in ``notes``.
    Raises UserError where no test row is left.
    """
    notes = list(data.notes)
    test = _known(outputs["test"], notes)
    rows = test.rows.numpy()
    temperature = _temperature(task, outputs)
    net = task.decode(test.outputs, temperature.value)
    truths = task.truths(test.targets)
    baselines = fit_baselines(data, rows, seed=seed)
    contestants = {"net": net.values}
    for one in baselines:
        if one.outputs is not None:
            contestants[one.name] = task.decode(one.outputs).values
    scores = score(task.metrics, task.main_metric, contestants, truths, seed=seed)
    found: dict[str, Any] = {
        "version": VERSION,
        "task": task.name,
        "data": {"name": data.name, "kind": data.kind, "fingerprint": data.fingerprint()},
        "target": data.target.to_config(),
        "main_metric": task.main_metric,
        "metrics": {name: words.described(name, one.mode) for name, one in task.metrics.items()},
        "test_count": len(rows),
        "test": _intervals(scores, "net"),
        "baselines": [_baseline(one, scores, task.main_metric) for one in baselines],
        "temperature": {"value": temperature.value, "why": temperature.why},
        "decision": task.decision,
        "splits": _splits(data),
        "notes": notes,
        "findings": [asdict(finding) for finding in data.findings()],
        "bad_items": set_aside(data),
        "not_checked": not_checked(data, temperature.why.startswith("fitted")),
    }
    if data.target.kind == "classes":
        found |= _classes(data, task, test, net.values, temperature.value)
    else:
        found |= _numbers(data, task, outputs, test, net.values, truths, seed)
    found["headline"] = headline(found)
    return dict(plain(found))


def _known(test: Outputs, notes: list[str]) -> Outputs:
    known = torch.ones(len(test.targets), dtype=torch.bool)
    if not test.targets.is_floating_point():
        known = test.targets >= 0
    if not known.all():
        notes.append(
            f"{int((~known).sum())} test rows have a label that train does not hold. "
            "They cannot be answered rightly and are left out of the scores."
        )
    if not known.any():
        raise UserError(
            "no test row can be scored",
            rule="the audit needs at least one test row with a known label",
            fix="give more data or a larger test share",
        )
    return Outputs(test.rows[known], test.outputs[known], test.targets[known])


def _temperature(task: Predicting, outputs: Mapping[str, Outputs]) -> Temperature:
    if task.target.kind == "number":
        return Temperature(1.0, "numbers have no temperature")
    fold = outputs.get("calibrate")
    if fold is None:
        return Temperature(1.0, "not fitted: there is no calibrate fold")
    known = fold.targets >= 0
    return calibration.fit_temperature(fold.outputs[known].numpy(), fold.targets[known].numpy())


def _intervals(scores: Scores, name: str) -> dict[str, Any]:
    return {metric: found.to_json() for metric, found in scores.intervals[name].items()}


def _baseline(one: Baseline, scores: Scores, main: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": one.name,
        "what": one.what,
        "seconds": round(one.seconds, 3),
        "notes": one.notes,
        "metrics": {},
        "difference": {"value": None, "low": None, "high": None, "verdict": "not known"},
    }
    if one.outputs is not None:
        gap = scores.difference("net", one.name, main)
        described["metrics"] = _intervals(scores, one.name)
        described["difference"] = {**gap.to_json(), "verdict": verdict(gap)}
    return described


def _splits(data: Rows) -> dict[str, Any]:
    """Return, per split, the rows and how the target is spread in it."""
    targets, found = data.targets.numpy(), data.counts()
    for name, rows in data.splits.items():
        own = targets[rows]
        if "classes" in found[name]:
            found[name]["classes"] = list(found[name]["classes"].values())
        elif len(rows):
            values = own.astype(np.float64) * data.target.scale + data.target.mean
            parts = {"mean": values.mean(), "sd": values.std(), "min": values.min()}
            found[name] |= {**parts, "median": np.median(values), "max": values.max()}
    return found


def _classes(
    data: Rows, task: Predicting, test: Outputs, probabilities: Array, temperature: float
) -> dict[str, Any]:
    rows, targets = test.rows.numpy(), test.targets.numpy()
    labels = data.target.labels
    answers = probabilities.argmax(axis=1)
    losses = task.row_losses(test.outputs, test.targets, temperature).numpy()
    logits = test.outputs.numpy()

    def card(place: int) -> dict[str, Any]:
        true, answer = int(targets[place]), int(answers[place])
        return {
            **showcase.show(data, int(rows[place])),
            "true": labels[true],
            "predicted": labels[answer],
            "chance_true": probabilities[place, true],
            "chance_predicted": probabilities[place, answer],
            "loss": losses[place],
            "wrong": true != answer,
        }

    wrong = np.flatnonzero(answers != targets)
    worst = wrong[showcase.largest(losses[wrong], showcase.most(data))]
    doubtful = showcase.largest(-probabilities.max(axis=1), showcase.MOST_ROWS)
    found: dict[str, Any] = {
        "confusion": confusion(answers, targets, labels),
        "calibration": {
            "before": calibration.summarise(logits, targets, 1.0),
            "after": calibration.summarise(logits, targets, temperature),
        },
        "errors": len(wrong),
        "worst": [card(place) for place in worst],
        "least_certain": [card(place) for place in doubtful],
    }
    kept = {"answers": answers, "truths": targets, "losses": losses}
    if len(labels) == 2:
        kept["scores"] = probabilities[:, 1]
        found["operating"] = {
            "positive": labels[1],
            "points": operating.operating_points(probabilities[:, 1], targets == 1),
            "roc": operating.roc_curve(probabilities[:, 1], targets == 1),
        }
    return {**found, "test_rows": _records(data, rows, kept)}


def _numbers(
    data: Rows,
    task: Predicting,
    outputs: Mapping[str, Outputs],
    test: Outputs,
    predicted: Array,
    true: Array,
    seed: int,
) -> dict[str, Any]:
    rows, residuals = test.rows.numpy(), predicted - true
    fold = outputs.get("calibrate")
    errors = np.zeros(0)
    if fold is not None:
        errors = np.abs(task.decode(fold.outputs).values - task.truths(fold.targets))

    def card(place: int) -> dict[str, Any]:
        shown = showcase.show(data, int(rows[place]))
        own = {"true": true[place], "predicted": predicted[place], "error": residuals[place]}
        return {**shown, **own}

    worst = showcase.largest(np.abs(residuals), showcase.most(data))
    return {
        "regression": examine_numbers(predicted, true, errors, seed=seed),
        "worst": [card(place) for place in worst],
        "test_rows": _records(data, rows, {"answers": predicted, "truths": true}),
    }


def _records(data: Rows, rows: IntArray, arrays: dict[str, Any]) -> dict[str, Any]:
    return pack(data.id_keys(rows), arrays)
