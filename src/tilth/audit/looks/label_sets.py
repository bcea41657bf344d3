"""The look at a model that says any number of labels: which ones, beside simple ways to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.audit import simple_models, words
from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.row_records import Truths
from tilth.audit.showcase import largest, show
from tilth.data.dataset import IntArray, Rows, as_rows
from tilth.randomness import numpy_generator
from tilth.tasks import Array
from tilth.tasks._setup import Setup
from tilth.tasks._training import outputs
from tilth.tasks.multilabel import Multilabel, best_threshold, set_scores
from tilth.train.evaluate import Outputs

MOST_SHOWN = 12  # pictures with the largest loss
MOST_LISTED = 40  # labels in the table, commonest first
MOST_LABELS = 20  # that the linear model is fitted for within its time, each by itself
SECONDS = 10.0  # for the linear model, over all labels
UNCHECKED = (
    "Labels that nobody gave: a label that is missing counts as not there.",
    "Chances: that 70 % comes true in 70 of 100 cases was not checked for single labels.",
    "Groups: whether it serves some people, places or devices worse than others.",
    "Change: whether data that comes later, or from elsewhere, looks like this data set.",
    "Luck: the intervals cover the choice of test rows, not training again with another seed.",
)
Chances = Callable[[IntArray], Array]
"""From rows to the probability of every label."""


def label_sets(task: Multilabel, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a model that says labels; test is opened here, once."""
    data = as_rows(setup.data)
    found = {split: outputs(setup, split) for split in ("valid", "test")}
    chances = {split: task.decode(one.outputs).values for split, one in found.items()}
    truths = {split: task.truths(one.targets) for split, one in found.items()}
    task.threshold = best_threshold(chances["valid"], truths["valid"], task.beta)
    said = chances["test"] >= task.threshold
    net = Contestant("net", "this net", set_scores(said, truths["test"], task.beta))
    others = [
        _simple(task, data, name, what, fit, seed)
        for name, what, fit in (
            ("common", "always the same labels: the commonest", _common),
            ("linear", "logistic regression of each label by itself", _linear),
        )
    ]
    audit = judged(
        task,
        data,
        net,
        others,
        subtitle=f"Any of {task.outputs} labels",
        things="rows" if data.kind == "table" else "pictures",
        sections=[_by_label(task, said, truths["test"]), _worst(task, data, found["test"], said)],
        not_checked=(*UNCHECKED, data.usual.unchecked),
        seed=seed,
        truths=Truths(truths["test"]),
    )
    return {**audit, "decision": task.decision}


def _simple(
    task: Multilabel,
    data: Rows,
    name: str,
    what: str,
    fit: Callable[[Rows, int], tuple[Chances, list[str]]],
    seed: int,
) -> Contestant:
    """Return a simple way, its threshold chosen on valid as the net's is."""
    begun = time.perf_counter()
    chances, notes = fit(data, seed)
    valid, test = data.splits["valid"], data.splits["test"]
    threshold = best_threshold(chances(valid), _truths(data, valid), task.beta)
    values = set_scores(chances(test) >= threshold, _truths(data, test), task.beta)
    return Contestant(name, what, values, time.perf_counter() - begun, notes)


def _truths(data: Rows, rows: IntArray) -> Array:
    return data.targets.double().numpy()[rows]


def _common(data: Rows, seed: int) -> tuple[Chances, list[str]]:
    shares = _truths(data, data.splits["train"]).mean(axis=0)
    return lambda rows: np.tile(shares, (len(rows), 1)), []


def _linear(data: Rows, seed: int) -> tuple[Chances, list[str]]:
    """Fit a logistic regression for each of the commonest labels; others keep their share."""
    rows, notes = data.splits["train"], []
    if len(rows) > data.usual.baseline_rows:
        rows = numpy_generator(seed, "baseline").choice(rows, data.usual.baseline_rows, False)
        notes.append(f"fitted on {len(rows):,} of {len(data.splits['train']):,} train rows")
    inputs, truths = data.flat_features(rows), _truths(data, rows)
    shares = truths.mean(axis=0)
    both = np.flatnonzero((shares > 0) & (shares < 1))
    chosen = both[np.argsort(-shares[both], kind="stable")][:MOST_LABELS]
    if len(chosen) < len(shares):
        notes.append(f"of the {len(chosen)} commonest labels; of the others, their share in train")
    each = SECONDS / max(1, len(chosen))
    fitted = {k: simple_models.logistic(inputs, truths[:, k], seconds=each) for k in chosen}

    def chances(asked: IntArray) -> Array:
        found = np.tile(shares, (len(asked), 1))
        features = data.flat_features(asked)
        for k, one in fitted.items():
            found[:, k] = one.predict(features)[:, 1]
        return found

    return chances, notes


def _by_label(task: Multilabel, said: NDArray[np.bool_], truths: Array) -> Section:
    """Return how well each label is said, the commonest first."""
    true = truths > 0
    order = np.argsort(-true.sum(axis=0), kind="stable")[:MOST_LISTED]
    rows = []
    for k in order:
        right = int((said[:, k] & true[:, k]).sum())
        rows.append(
            [
                task.target.labels[k],
                str(int(true[:, k].sum())),
                words.percent(_share(right, int(true[:, k].sum()))),
                words.percent(_share(right, int(said[:, k].sum()))),
            ]
        )
    lines = [
        f"A label is said from a probability of {task.threshold:.2f}, the threshold with the best "
        f"{words.title(task.main_metric)} on valid."
    ]
    if len(order) < task.outputs:
        lines.append(f"The {len(order)} commonest of {task.outputs} labels.")
    head = ["Label", "Test rows that have it", "Found (recall)", "Right when said (precision)"]
    return Section("Label by label", lines=lines, table={"head": head, "rows": rows})


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _worst(task: Multilabel, data: Rows, found: Outputs, said: NDArray[np.bool_]) -> Section:
    """Return the test rows with the largest loss: what is true of them, and what was said."""
    losses = task.row_losses(found.outputs, found.targets).numpy()
    tiles = []
    for place in largest(losses, MOST_SHOWN):
        shown = show(data, int(found.rows[place]))
        true = _named(task, found.targets[place].numpy() > 0)
        caption = f"{words.item(shown['item'])}, true: {true}; said: {_named(task, said[place])}"
        picture = {"png": shown["png"]} if shown["png"] else {"numbers": []}
        tiles.append({**picture, "caption": caption})
    return Section("Worst errors", strips=[{"title": "", "shown": tiles}])


def _named(task: Multilabel, there: NDArray[np.bool_]) -> str:
    return ", ".join(np.array(task.target.labels)[there]) or "none"
