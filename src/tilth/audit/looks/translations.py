"""The look at a pair of translators: pictures there and back, and how real they look."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from tilth.audit import words
from tilth.audit.intervals import bootstrap
from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.latent import shown
from tilth.audit.showcase import largest
from tilth.data.domains import Domains, as_domains
from tilth.tasks import Array
from tilth.tasks._domains import BOTH, set_of, spaced
from tilth.tasks._setup import Setup
from tilth.tasks.translate import TranslateTask, kid_values

MOST_SHOWN = 11  # in a row of the page
Way = tuple[Tensor, Tensor, Tensor]
UNCHECKED = (
    "Meaning: whether a picture shows the same thing after it is translated. A net may hide what "
    "it needs for the way back in details that nobody sees (Chu et al. 2017).",
    "Invention: where one set often shows what the other lacks, it is put in or taken out.",
    "Luck: the intervals cover the choice of test pictures, not training again with another seed.",
    Domains.usual.unchecked,
)


def translations(task: TranslateTask, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of two translators; test is opened here, once."""
    data = as_domains(setup.data)
    ways: dict[str, Way] = {side: task.translated(setup, side, "test") for side in BOTH}
    values = task.row_values(setup, ways["source"], ways["target"])
    plain = task.unchanged(setup, "test")
    return judged(
        task,
        data,
        Contestant("net", "this net", values),
        [Contestant("unchanged", "leaving every picture as it is", plain)],
        subtitle=f"Between {data.source.name} and {data.onto.name}, both ways",
        things="pictures",
        sections=[_grids(data, ways), _distances(task, setup, ways, values, plain, seed)],
        not_checked=UNCHECKED,
        seed=seed,
    )


def _grids(data: Domains, ways: dict[str, Way]) -> Section:
    """Return pictures of each set, translated, and back: some, and those that come back worst."""
    strips = []
    for side, other in (BOTH, BOTH[::-1]):
        errors = (ways[side][2] - ways[side][0]).abs().flatten(1).mean(1).numpy() / 2
        names = [set_of(data, one).name for one in (side, other)]
        for which, places in (
            ("", spaced(np.arange(len(errors)), MOST_SHOWN)),
            (", those that come back worst", largest(errors, MOST_SHOWN)),
        ):
            rows = [shown((pictures[places] + 1) / 2) for pictures in ways[side]]
            for tile, error in zip(rows[2], errors[places], strict=True):
                tile["caption"] = f"error {error:.2g}"
            title = f"{names[0]} ({side}), below it as {names[1]} ({other}), and back{which}"
            strips += [
                {"title": title if row == 0 else "", "shown": r} for row, r in enumerate(rows)
            ]
    return Section("There and back", strips=strips)


def _distances(
    task: TranslateTask,
    setup: Setup,
    ways: dict[str, Way],
    values: Array,
    plain: Array,
    seed: int,
) -> Section:
    """Return the KID of each direction, beside no translation and beside real pictures."""
    look, count = task.features(setup), len(values) // 2
    rows = []
    for place, (side, other) in enumerate((BOTH, BOTH[::-1])):
        real = look(ways[other][0])
        half = len(real) // 2  # every other one, as sets are often sorted by class
        floor = kid_values(real[: 2 * half : 2], real[1::2]) if half > 2 else None
        mine = slice(place * count, (place + 1) * count)
        cells = [_kid(column, seed) for column in (values[mine, 0], plain[mine, 0])]
        cells.append("too few" if floor is None else _kid(floor, seed))
        rows.append([f"{side} to {other}", *cells])
    head = ["KID to the real pictures", "Translated", "Left as they are", "Real, by halves"]
    line = (
        "KID is the squared distance between two sets of pictures in the features of a small net "
        "with fixed random weights, 0 where nothing tells them apart; an estimate may fall below. "
        "It compares nets on these data, and with nothing that is published. In brackets 95 % "
        "intervals over the test pictures."
    )
    return Section("How real they look", [line], table={"head": head, "rows": rows})


def _kid(values: Array, seed: int) -> str:
    found = bootstrap(lambda r: [values[r].mean()], len(values), seed=seed).interval(0)
    ends = words.interval("kid", found.to_json())
    return f"{words.measure('kid', found.value)}{f' ({ends})' if ends else ''}"
