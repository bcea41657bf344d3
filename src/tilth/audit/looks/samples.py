"""The look at a generator: what it makes beside what is real, what it leaves out, and copies."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tilth.audit import words
from tilth.audit.collapse import LEAST_ROWS
from tilth.audit.copying import Copying, Nearest, nearest
from tilth.audit.gaussian_rows import gaussian_rows, gaussian_rows_by_label
from tilth.audit.generated import GeneratedScores, generated_scores
from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.latent import shown
from tilth.audit.sample_grid import sample_grids
from tilth.audit.scatter import scatter
from tilth.data.dataset import as_rows
from tilth.randomness import fold, numpy_generator
from tilth.tasks import Array
from tilth.tasks._judges import inputs_of
from tilth.tasks._setup import Setup
from tilth.tasks.generate import Generate

MOST_SCORED = 3000  # rows of each set whose distances are all computed
MOST_SEARCHED = 500  # rows whose neighbours in train are looked for
PIECE = 5000  # train rows at a time
MOST_SHOWN, MOST_DRAWN = 11, 500
UNCHECKED = (
    "Luck: the intervals cover the choice of test rows, not training again with another seed; "
    "two players depend on it more than most.",
    "Meaning: the distance sees what its features see. A net that was trained on few rows, or to "
    "tell other things apart, overlooks what people would not.",
    "Privacy: whether what it makes gives away something of a single training row.",
)


@dataclass(frozen=True)
class Seen:
    """Rows side by side, each [N, ...]: of the test split, of train, made, and drawn simply."""

    real: Tensor
    train: Tensor
    made: Tensor
    simple: Tensor
    labels: Tensor


def samples(task: Generate, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a generator; test is opened here, once."""
    data = as_rows(setup.data)
    begun = time.perf_counter()
    seen = gathered(task, setup, seed)
    values, simple = (
        task.values(setup, seen.real, m, seen.labels) for m in (seen.made, seen.simple)
    )
    seconds = time.perf_counter() - begun
    kind = "a Gaussian for each label" if task.rules.conditional else "a Gaussian"
    other = Contestant("gaussian", f"{kind}, with train's mean and covariance", simple, seconds)
    scored, section = _distances(task, setup, seen, seed)
    sections = [_as_it_went(task, setup, seen), section]
    if task.rules.conditional:
        sections.append(_labels(task, setup, seen, values))
    things = "pictures" if data.kind == "images" else "rows"
    found = judged(
        task,
        data,
        Contestant("net", "this net", values),
        [other],
        subtitle=f"{things.capitalize()} made up from {data.name}",
        things=things,
        sections=[*sections, _copies(setup, seen)],
        not_checked=(*UNCHECKED, task.usual(data).unchecked),
        seed=seed,
    )
    if scored.collapse is not None and scored.collapse.found:
        found["headline"] += f" {scored.collapse.warning()}"
    return found


def gathered(task: Generate, setup: Setup, seed: int) -> Seen:
    """Return the test rows, as many made for them, and as many drawn in simple ways."""
    data = as_rows(setup.data)
    test = data.splits["test"]
    real, labels = inputs_of(data, test), data.targets[torch.from_numpy(test)]
    drawn = numpy_generator(seed, "train rows").permutation(data.splits["train"])
    few = drawn[: task.usual(data).baseline_rows]
    fitted, known = inputs_of(data, few), data.targets[torch.from_numpy(few)]
    if task.rules.conditional:
        simple = gaussian_rows_by_label(fitted, known, labels, seed=seed)
    else:
        simple = gaussian_rows(fitted, len(test), seed=seed)
    made = task.made(setup, setup.model, labels, seed=fold(0, "made", "test"))
    return Seen(real, inputs_of(data, drawn[: len(test)]), made, simple, labels)


def _distances(
    task: Generate, setup: Setup, seen: Seen, seed: int
) -> tuple[GeneratedScores, Section]:
    """Return the scores of what is made, and the table of them beside the ceiling."""
    judge = task.judge(setup)
    real = _some(seen.real, seed, "real")
    found = {
        name: generated_scores(judge.body, real, _some(rows, seed, name))
        for name, rows in (
            ("Made by this net", seen.made),
            ("A Gaussian of train", seen.simple),
            ("Real rows of train (the ceiling)", seen.train),
        )
    }
    scored = found["Made by this net"]
    rows = [
        [
            name,
            words.number(one.frechet),
            f"{words.number(one.kernel)} {words.PLUS_MINUS} {words.number(one.kernel_error, 2)}",
            words.percent(one.precision),
            words.percent(one.recall),
            "not looked for" if one.collapse is None else _collapsed(one),
        ]
        for name, one in found.items()
    ]
    lines = [
        judge.told,
        f"Each set has {scored.rows:,} rows beside as many test rows. Precision is the share of "
        "its rows that lie among real ones, recall the share of real ones that lie among its rows "
        "(Kynkaanniemi et al. 2019). No generator is to be expected above the ceiling.",
    ]
    if scored.collapse is None:
        lines.append(f"A collapse is looked for from {LEAST_ROWS} test rows on.")
    elif scored.collapse.found:
        lines.insert(0, scored.collapse.warning())
    head = ["Beside test rows", "Frechet distance", "Cubic kernel", "Precision", "Recall"]
    table = {"head": [*head, "Collapse"], "rows": rows}
    return scored, Section("Made and real", lines=lines, table=table)


def _some(rows: Tensor, seed: int, name: str) -> Tensor:
    """Return at most 3,000 rows in an order of their own.

    What was made for the label of a test row must not stand in its place: the kernel's estimate
    takes the rows of two sets for independent.
    """
    order = torch.from_numpy(numpy_generator(seed, "scored", name).permutation(len(rows)))
    return rows[order[:MOST_SCORED]]


def _collapsed(scores: GeneratedScores) -> str:
    collapse = scores.collapse
    assert collapse is not None
    missing = f"{collapse.missing_bins} of {collapse.bins} groups left out"
    return f"{missing}, {words.percent(max(0.0, collapse.repeats))} repeats"


def _as_it_went(task: Generate, setup: Setup, seen: Seen) -> Section:
    """Return samples of the same latents at some steps of the last phase."""
    record = {} if task.record is None else task.record.samples
    if setup.data.kind == "images":
        drawn = sample_grids(record, columns=task.columns(setup.data))
        tiles = [{"png": one["png"]} for one in drawn]
    else:
        some = seen.real[:MOST_DRAWN]
        tiles = [{"png": scatter(some, points)} for _, points in sorted(record.items())]
    title = "The same noise, as training went on"
    tiles = [
        {**tile, "caption": f"step {step:,}", "sheet": True}
        for tile, step in zip(tiles, sorted(record), strict=True)
    ]
    lines = ["Each is made by the average of the generator's weights up to that step."]
    if task.rules.conditional and setup.data.kind == "images":
        names = ", ".join(setup.data.target.labels[: task.columns(setup.data)])
        lines.append(f"A column is a label, from left to right: {names}.")
    if setup.data.kind != "images":
        lines.append("Grey: real test rows. Blue: made. The first two columns are drawn.")
    return Section("What it makes", lines=lines, strips=[{"title": title, "shown": tiles}])


def _labels(task: Generate, setup: Setup, seen: Seen, values: Array) -> Section:
    """Return how often rows made for a label are read as that label."""
    judge, right = task.judge(setup), values[:, 1]
    real = judge.read(seen.real) == seen.labels
    labels, rows = seen.labels.numpy(), []
    for place, name in enumerate(setup.data.target.labels):
        own = labels == place
        if own.any():
            shares = (float(right[own].mean()), float(real.numpy()[own].mean()))
            rows.append([name, int(own.sum()), *(words.percent(share) for share in shares)])
    every = [words.percent(float(part)) for part in (right.mean(), real.double().mean())]
    lines = [
        "What reads the labels learned from the same train rows; what it misreads of real test "
        "rows is a fault of its own."
    ]
    table = {
        "head": ["Label", "Rows", "Made, read as asked", "Real, read rightly"],
        "rows": [*rows, ["all", len(labels), *every]],
    }
    return Section("Labels", lines=lines, table=table)


def _copies(setup: Setup, seen: Seen) -> Section:
    """Return the training rows that are nearest to what was made."""
    data = as_rows(setup.data)
    train = data.splits["train"]
    made, real = seen.made[:MOST_SEARCHED], seen.real[:MOST_SEARCHED]
    both = nearest(
        torch.cat([made, real]),
        (inputs_of(data, train[low : low + PIECE]) for low in range(0, len(train), PIECE)),
    )
    ends = (both.distances[: len(made)], both.distances[len(made) :])
    shares = [Nearest(both.places, part).copies() for part in ends]
    lines = [Copying(*shares).line()]
    closest = both.distances[: len(made), 0].argsort()[:MOST_SHOWN]
    strips = []
    for title, places in (
        ("Made, and below the nearest training row", torch.arange(min(MOST_SHOWN, len(made)))),
        ("Those that come nearest to a training row", closest),
    ):
        above = shown(_visible(data.kind, made[places]))
        below = shown(_visible(data.kind, inputs_of(data, train[both.places[places].numpy()])))
        for one, distance in zip(below, both.distances[places, 0].tolist(), strict=True):
            one["caption"] = f"distance {words.number(distance, 2)}"
        strips += [{"title": title, "shown": above}, {"title": "", "shown": below}]
    return Section("Copies", lines=lines, strips=strips)


def _visible(kind: str, rows: Tensor) -> Tensor:
    """Return pictures from black to white in 0..1, other rows as they are."""
    return (rows + 1) / 2 if kind == "images" else rows
