"""The look at a net that adapted: beside it what it would be without, and with target labels.

Both bounds are the same net, trained here by the same loop for as many steps: on the source's
labels alone (Ganin et al. 2016 call it "source only"), and on the target's labels, which nobody
has who needs to adapt.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from tilth.audit import words
from tilth.audit.domain_features import features_of, picture, probe
from tilth.audit.intervals import Interval, bootstrap, wilson
from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.row_records import Truths
from tilth.data.domains import Domains, as_domains
from tilth.nn.begin_anew import begun_anew
from tilth.randomness import fold
from tilth.tasks import Array
from tilth.tasks._domains import Side, rows_of
from tilth.tasks._loop import loop_of
from tilth.tasks._setup import Setup
from tilth.tasks.adapt import Adapt
from tilth.train.early_stop import BestWeights
from tilth.train.streams import seeded

MOST_CLASSES = 60  # rows of a table
UNCHECKED = (
    "Other shares of classes: aligning two sets takes it that each class makes up as much of "
    "both; where that is not so, adapting can do harm.",
    "Luck: the intervals cover the choice of test pictures, not training again with another seed; "
    "adversarial training depends on it more than most.",
    "The choice of method and lambda: without target labels, nothing here could choose them.",
    Domains.usual.unchecked,
)


@dataclass(frozen=True)
class Bound:
    """The same net, trained on the labels of one set alone.

    values: [test rows, 2] as of ``Adapt.values``; chosen_at: step whose weights were kept
    """

    model: nn.Module
    values: Array
    seconds: float
    chosen_at: int


def adaptation(task: Adapt, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a net that adapted; test is opened here, once."""
    data = as_domains(setup.data)
    values = task.values(setup, "test")
    alone = bound(task, setup, "source", seed)
    known = bound(task, setup, "target", seed) if data.labelled else None
    budget = f"trained for this report: {setup.plan.total_steps:,} steps, as many as the net"
    what = "the same net, source alone"
    source_only = Contestant("source_only", what, alone.values, alone.seconds, [budget])
    method = {"dann": "DANN", "cdan": "CDAN"}[task.method]
    found = judged(
        task,
        data,
        Contestant("net", "this net", values),
        [source_only],
        subtitle=f"Classes of {data.onto.name}, learned from {data.source.name} by {method}",
        things="pictures",
        sections=[
            _between(task, setup, values, alone, known, seed),
            _apart(task, setup, alone, seed),
            _classes(task, setup, values, alone, known),
        ],
        not_checked=UNCHECKED,
        seed=seed,
        truths=Truths(_truths(task, data)),
    )
    whose = "the target" if data.labelled else "the source: the target has no labels to judge by"
    name = data.onto.name if data.labelled else data.source.name
    said = f"{found['headline']} The test pictures are of {name}, {whose}."
    bounds = {"source": alone, "target": known}
    kept = {k: _accuracy(one.values[:, 0]) for k, one in bounds.items() if one is not None}
    return {**found, "headline": said, "bounds": kept}


def bound(task: Adapt, setup: Setup, side: Side, seed: int) -> Bound:
    """Return the net of a setup trained anew on one set's labels, chosen by its valid rows."""
    begun, data, plan = time.perf_counter(), as_domains(setup.data), setup.plan
    with seeded(fold(seed, "bound", side), setup.device):
        own = dataclasses.replace(setup, model=begun_anew(setup.model))
    valid = rows_of(data, side, "valid")

    def measure(model: nn.Module) -> dict[str, float]:
        right = task.row_values(dataclasses.replace(own, model=model), side, valid)[:, 0]
        return {"valid/accuracy": float(right.mean())}

    every = plan.steps_per_epoch
    best = BestWeights(measure, monitor="valid/accuracy", mode="max", every_steps=every)
    loop_of(own, task.bound(own, side), seed=fold(plan.seed, "bound", side), hooks=[best]).fit()
    values = task.values(own, "test")
    return Bound(own.model, values, time.perf_counter() - begun, best.best_step)


def _between(
    task: Adapt, setup: Setup, values: Array, alone: Bound, known: Bound | None, seed: int
) -> Section:
    """Return where the net stands between the bounds, on the test rows, with intervals."""
    data, steps = as_domains(setup.data), setup.plan.total_steps
    shown: list[tuple[str, Bound | None, Array]] = [
        ("On the source's labels alone", alone, alone.values),
        ("This net, adapted", None, values),
    ]
    if known is not None:
        shown.append(("On the target's own labels", known, known.values))
    rows = []
    for name, one, found in shown:
        gap = None if one is None else _gap(values[:, 0], found[:, 0], seed)
        rows.append([name, *_score(found[:, 0]), *_difference(gap)])
    seconds = sum(one.seconds for one in (alone, known) if one is not None)
    lines = [
        f"The other nets are the same net, trained for this report by the same loop from new "
        f"weights: {steps:,} steps each, as many as this net, {seconds:.0f} s together. The "
        "weights of each were chosen by the valid pictures of the set whose labels it learns."
    ]
    if known is None:
        lines.append(
            f"{data.onto.name} has no labels, so whether adapting helped there cannot be told. "
            f"These are scores on {data.source.name}, where it can only cost something. Label "
            "some pictures of the target, a few hundred say much, and give them as its test."
        )
    else:
        ends = [float(one.values[:, 0].mean()) for one in (alone, known)]
        if ends[1] > ends[0]:
            part = (float(values[:, 0].mean()) - ends[0]) / (ends[1] - ends[0])
            lines.append(
                f"Of the way from the source's labels alone to the target's own, adapting went "
                f"{100 * part:.0f} %."
            )
    head = ["Trained", "Accuracy", "95 % interval", "This net is ahead by", "95 % interval"]
    return Section("Between the bounds", lines, table={"head": head, "rows": rows})


def _accuracy(right: Array) -> dict[str, Any]:
    return wilson(round(float(right.sum())), len(right)).to_json()


def _score(right: Array) -> list[str]:
    found = _accuracy(right)
    return [words.measure("accuracy", found["value"]), words.interval("accuracy", found)]


def _gap(right: Array, other: Array, seed: int) -> Interval:
    draws = bootstrap(lambda r: [right[r].mean(), other[r].mean()], len(right), seed=seed)
    return draws.difference(0, 1)


def _difference(gap: Interval | None) -> list[str]:
    if gap is None:
        return ["", ""]
    found = gap.to_json()
    size = words.difference("accuracy", found["value"])
    return [size, words.difference_interval("accuracy", found) or "not defined"]


def _apart(task: Adapt, setup: Setup, alone: Bound, seed: int) -> Section:
    """Return whether the sets can still be told apart, with both nets' features in a plane."""
    valid = task.told_apart(setup, "valid")
    rows = [["The critic of this net", *_score(valid)]]
    strips = []
    for name, model in (("without adapting", alone.model), ("adapted", setup.model)):
        source, target = features_of(dataclasses.replace(setup, model=model), "valid")
        rows.append([f"A new linear model, features {name}", *_score(probe(source, target, seed))])
        caption = f"Features of valid pictures, {name}"
        strips.append({"png": picture(source, target), "caption": caption, "wide": True})
    lines = [
        "Who tells a picture of one set from one of the other, given the features: 50 % is "
        "guessing, which is the aim; 100 % means that the sets are as far apart as before. The "
        "critic learned against the net and may simply be beaten; the linear model is fitted "
        "anew on half of these valid pictures and asked about the others.",
    ]
    title = "The features in a plane (their two principal components), blue the source, orange "
    title += "the target"
    table = {"head": ["Who", "Right", "95 % interval"], "rows": rows}
    return Section("Told apart", lines, [{"title": title, "shown": strips}], table)


def _truths(task: Adapt, data: Domains) -> Array:
    """Return the class of each picture that judges, of the set whose labels do."""
    side, rows = task.judges(data, "test")
    one = data.source if side == "source" else data.onto
    return np.asarray(one.targets[torch.from_numpy(rows)].numpy())


def _classes(
    task: Adapt, setup: Setup, values: Array, alone: Bound, known: Bound | None
) -> Section:
    """Return the share found of each class: aligning may give one class another's place."""
    truths = _truths(task, as_domains(setup.data))
    nets = [alone.values, values, *([known.values] if known else [])]
    found: list[list[Any]] = []
    for place, label in enumerate(task.target.labels[:MOST_CLASSES]):
        mine = truths == place
        shares = [words.percent(float(v[mine, 0].mean())) if mine.any() else "-" for v in nets]
        found.append([label, int(mine.sum()), *shares])
    head = ["Class", "Test pictures", "Source alone", "This net"]
    head += ["Target's labels"] * (known is not None)
    line = "The share of each class that was answered rightly. A class that fell while the others "
    line += "rose may have been aligned with another one."
    return Section("Class by class", [line], table={"head": head, "rows": found})
