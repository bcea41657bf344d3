"""The look at a model that restores pictures, beside what restores them without learning."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tilth.audit import words
from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.latent import shown
from tilth.audit.showcase import largest
from tilth.audit.simple_restoring import inside_and_outside, simple_ways
from tilth.data.dataset import IntArray, as_rows
from tilth.data.worse import Worse, Worsened, in_eight_bits
from tilth.objectives.perceptual import total_variation
from tilth.tasks import Array
from tilth.tasks._picture_quality import LEAST_ERROR
from tilth.tasks._setup import Setup
from tilth.tasks.restore import RestoreTask, pairs, quality, restored

MOST_SHOWN = 6  # pictures of each kind
TRIED_ON = 256  # training pictures on which the simple ways choose their windows
UNCHECKED = (
    "Real damage: it learned to undo what was done to pictures here, and no camera, scanner or "
    "file damages them in just this way.",
    "Truth: it makes up what it cannot know. What it puts in looks likely, and need not have been "
    "there: do not read number plates or diagnoses from restored pictures.",
    "Looks: PSNR and SSIM like a blurred picture better than a sharp one with its details at "
    "other places; no person was asked.",
    "Other pictures: of other things, sizes or cameras than those it learned from.",
    "Luck: the intervals cover the choice of test pictures, not training again with another seed.",
)

Restore = Callable[[Tensor], Tensor]


@dataclass
class Tally:
    """What is counted of one way over the test pictures.

    edges: the summed differences of neighbours; inside, outside: squared error and count where
    the picture was changed and where not
    """

    values: list[Array] = field(default_factory=list)
    edges: float = 0.0
    inside: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    outside: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    seconds: float = 0.0

    def count(self, way: Restore, pair: Worsened, *, same_size: bool) -> None:
        """Add a batch."""
        begun = time.perf_counter()
        found = way(pair.seen)
        self.seconds += time.perf_counter() - begun
        self.values.append(quality(found, pair.wanted))
        self.edges += float(total_variation(found).sum())
        if same_size:
            inside, outside = inside_and_outside(found, pair.wanted, changed(pair))
            self.inside, self.outside = self.inside + inside, self.outside + outside


def changed(pair: Worsened) -> Tensor:
    """Return [B, 1, H, W]: where a picture was changed by more than its rounding to eight bits."""
    return (pair.seen != in_eight_bits(pair.wanted)).any(dim=1, keepdim=True)


def restorations(task: RestoreTask, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a model that restores; test is opened here, once."""
    data, worse = as_rows(setup.data), task.worse
    model = setup.model.to(setup.device)
    simple = simple_ways(worse, next(pairs(task, setup, "train", slice(TRIED_ON))))
    ways: dict[str, Restore] = {"net": lambda seen: restored(model, seen)}
    ways |= {one.name: one.restore for one in simple}
    tallies = {name: Tally() for name in ways}
    wanted_edges = 0.0
    for pair in pairs(task, setup, "test"):
        wanted_edges += float(total_variation(pair.wanted).sum())
        for name, way in ways.items():
            tallies[name].count(way, pair, same_size=worse.kind == "covered")
    values = {name: np.concatenate(tally.values) for name, tally in tallies.items()}
    others = [
        Contestant(one.name, one.what, values[one.name], tallies[one.name].seconds)
        for one in simple
    ]
    best = max(others, key=lambda other: float(other.values[:, 0].mean()))
    spoken = {"net": "this net", **{one.name: one.what for one in simple}}
    sections = [_shown(task, setup, values, ways, best), _edges(tallies, spoken, wanted_edges)]
    if worse.kind == "covered":
        sections.append(_covered(tallies, spoken))
    return judged(
        task,
        data,
        Contestant("net", "this net", values["net"]),
        others,
        subtitle=f"Restoring pictures: {in_words(worse)}",
        things="pictures",
        sections=sections,
        not_checked=UNCHECKED,
        seed=seed,
    )


def in_words(worse: Worse) -> str:
    """Return what was done to the pictures.

    >>> in_words(Worse("noisy", noise=0.2))
    'noise of standard deviation 0.2 (white is 1)'
    """
    return {
        "smaller": f"made {worse.factor} times smaller",
        "noisy": f"noise of standard deviation {worse.noise:g} (white is 1)",
        "covered": "a line of text across each",
        "given": "as the pairs of pictures show it",
        "compressed": f"as JPEG files of quality {worse.quality} keep them",
    }[worse.kind]


def _shown(
    task: RestoreTask,
    setup: Setup,
    values: dict[str, Array],
    ways: dict[str, Restore],
    best: Contestant,
) -> Section:
    """Return the first test pictures, and those where the net gains least over a simple way."""
    lost = values[best.name][:, 0] - values["net"][:, 0]
    first = np.arange(min(MOST_SHOWN, len(lost)))
    strips = []
    for title, places in (
        ("The first test pictures", first),
        ("Where the net gains least, or loses most", largest(lost, MOST_SHOWN)),
    ):
        rows = _rows(task, setup, places, values, ways, best)
        strips += [{"title": title * (place == 0), "shown": row} for place, row in enumerate(rows)]
    return Section("Restored pictures", strips=strips)


def _rows(
    task: RestoreTask,
    setup: Setup,
    places: IntArray,
    values: dict[str, Array],
    ways: dict[str, Restore],
    best: Contestant,
) -> list[list[dict[str, Any]]]:
    """Return, for each picture, what was seen, restored and wanted, and the best simple way."""
    rows, data = [], as_rows(setup.data)
    found = list(pairs(task, setup, "test", places))
    seen, wanted = (torch.cat([pair[side] for pair in found]) for side in (0, 1))
    columns = (seen, ways["net"](seen), wanted, ways[best.name](seen))
    for number, four in enumerate(zip(*map(shown, columns), strict=True)):
        place = places[number]
        item = words.item(data.item_id(int(data.splits["test"][place])))
        told = (f"{item}, seen", _decibels("restored", values["net"], place), "wanted")
        simple = _decibels(best.name, values[best.name], place)
        captions = zip(four, (*told, simple), strict=True)
        rows.append([{**tile, "sheet": True, "caption": text} for tile, text in captions])
    return rows


def _decibels(name: str, values: Array, place: int) -> str:
    return f"{name}, {values[place, 0]:.1f} dB"


def _edges(tallies: dict[str, Tally], spoken: dict[str, str], wanted: float) -> Section:
    """Return how sharp each way leaves the pictures, which PSNR does not say."""
    rows = [
        [spoken[name], words.percent(tally.edges / wanted if wanted else None)]
        for name, tally in tallies.items()
    ]
    line = (
        "The differences between neighbouring pixels, summed over the test pictures, as a share "
        "of those in the pictures wanted: much below 100 % is blurred, above it is noisy."
    )
    head = ["Restored by", "Differences of neighbours"]
    return Section("Blurred or sharp", lines=[line], table={"head": head, "rows": rows})


def _covered(tallies: dict[str, Tally], spoken: dict[str, str]) -> Section:
    """Return PSNR under the text and beside it, over all pixels of the test pictures."""
    rows = [
        [spoken[name], *(_over_pixels(part) for part in (tally.inside, tally.outside))]
        for name, tally in tallies.items()
    ]
    head = ["Restored by", "PSNR under the text (dB)", "PSNR beside it (dB)"]
    return Section("Under the text and beside it", table={"head": head, "rows": rows})


def _over_pixels(part: Tensor) -> str:
    errors, count = part.tolist()
    if not count:
        return "-"
    return f"{-10 * np.log10(max(errors / count, LEAST_ERROR)):.2f}"
