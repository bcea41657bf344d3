"""How many answers stay right when pixels are changed on purpose: the report's table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tilth.audit import words
from tilth.audit.judged import Section
from tilth.audit.seen_pictures import Seen
from tilth.data.image_ball import image_ball
from tilth.nn.attack import Ball, expected, fgsm, pgd
from tilth.nn.square_attack import Counted, square_attack
from tilth.randomness import fold

RADII = (2, 8)  # steps of 8-bit pixels
MOST, FEWEST = 200, 20  # pictures
STEPS, QUERIES = 7, 30
SHIFTS = ((0, 0), (1, 0), (0, 1))  # pixels to the right and down
PASSES = len(RADII) * (3 * (STEPS + 1) + QUERIES + len(SHIFTS) * (3 * STEPS + 2))
LONGER = 3  # times as much as other looks it may take, or the usual net on 32 px would have none
TITLE = "Small changes made on purpose"
MOVED, LASTING = "moved", "EOT"
WAYS = {
    "random signs": "every pixel up or down by chance",
    "FGSM": "one step along the gradient (Goodfellow et al. 2015)",
    "PGD": f"{STEPS} steps along it, put back each time (Madry et al. 2018)",
    MOVED: "by a pixel to the right, by one down, and not at all; nothing else is changed",
    LASTING: "PGD on the mean loss of the picture and of it moved by a pixel to the right and "
    "down, asked in these three places (EOT, Athalye et al. 2018)",
    "Square": f"{QUERIES} questions for answers, no gradient (Andriushchenko et al. 2020)",
}
READ = (
    "Of {count} test pictures, the share that is still answered rightly when each pixel may change "
    "by at most 2 or 8 of 255 steps, which is hardly seen. Random changes are the yardstick: what "
    "falls far below them falls to whoever knows the net. For EOT it is the pictures that are "
    "only moved. Stronger attacks exist, so these are the best that can be hoped for."
)


def robustness(seen: Seen, *, seed: int) -> Section | None:
    """Return the table; None where there are too few pictures or the net is too large for it."""
    count = seen.affordable(PASSES / LONGER, min(MOST, len(seen.rows)))
    if not seen.is_classes or count < FEWEST:
        return None
    inputs, classes = seen.taken(seen.some(count))
    ready = seen.data.preprocessor
    columns = []
    for radius in RADII:
        ball = image_ball(ready, radius / 255, inputs.device)
        columns.append(still_right(seen.net, inputs, classes, ball, seed=seed))
    plain = right(seen.net, inputs, classes)
    rows = [["as they are", "nothing is changed", *[_share(plain, len(inputs))] * len(RADII)]]
    rows += [
        [name, what, *(_share(column[name], len(inputs)) for column in columns)]
        for name, what in WAYS.items()
    ]
    head = ["Changed by", "How", *(f"Right within {radius}/255" for radius in RADII)]
    lines = [READ.format(count=len(inputs))]
    return Section(TITLE, lines=lines, table={"head": head, "rows": rows})


def still_right(
    net: torch.nn.Module, inputs: Tensor, classes: Tensor, ball: Ball, *, seed: int
) -> dict[str, float]:
    """Return, for each of WAYS, the share of pictures that is still answered rightly."""
    generator = torch.Generator().manual_seed(fold(seed, "attacks"))

    def draws() -> Tensor:
        return torch.rand(inputs.shape, generator=generator).to(inputs)

    def losses(pictures: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(net(pictures), classes, reduction="none")

    def margins(pictures: Tensor, rows: Tensor) -> Tensor:
        outputs, asked = net(pictures), classes[rows.to(classes.device), None]
        others = outputs.scatter(1, asked, -torch.inf).max(dim=1).values
        margin: Tensor = outputs.gather(1, asked)[:, 0] - others
        return margin

    def begun() -> Tensor:
        return ball.sampled(inputs, draws())

    ways = [partial(moved, right=across, down=down) for across, down in SHIFTS]
    made: dict[str, Callable[[], Tensor]] = {
        "random signs": lambda: ball.sampled(inputs, draws().round()),
        "FGSM": lambda: fgsm(losses, inputs, ball),
        "PGD": lambda: pgd(losses, inputs, ball, steps=STEPS, start=begun()),
        MOVED: lambda: inputs,
        LASTING: lambda: pgd(expected(losses, ways), inputs, ball, steps=STEPS, start=begun()),
        "Square": lambda: square_attack(
            Counted(margins), inputs, ball, queries=QUERIES, generator=generator
        ),
    }
    asked = {name: ways if name in (MOVED, LASTING) else ways[:1] for name in made}
    changed = {name: make() for name, make in made.items()}
    return {
        name: sum(right(net, way(pictures), classes) for way in asked[name]) / len(asked[name])
        for name, pictures in changed.items()
    }


def moved(pictures: Tensor, *, right: int, down: int) -> Tensor:
    """Return pictures [B, C, H, W] moved by whole pixels, their edges repeated where they leave.

    >>> moved(torch.tensor([[[[1.0, 2.0, 3.0]]]]), right=1, down=0).tolist()
    [[[[1.0, 1.0, 2.0]]]]
    """
    height, width = pictures.shape[2:]
    wider = torch.nn.functional.pad(pictures, (right, 0, down, 0), mode="replicate")
    return wider[:, :, :height, :width]


def _share(part: float, count: int) -> str:
    return f"{words.percent(part)} ({round(part * count)} of {count})"


def right(net: torch.nn.Module, inputs: Tensor, classes: Tensor) -> float:
    """Return the share of pictures whose highest output is their class."""
    with torch.no_grad():
        return float((net(inputs).argmax(dim=1) == classes).float().mean())
