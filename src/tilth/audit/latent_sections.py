"""What the report says of latents: what each stands for, what lies between, what is rare."""

from __future__ import annotations

import functools
import math
from typing import cast

import numpy as np
import torch
from torch import Tensor

from tilth.audit import words
from tilth.audit.coded import Coded, decoded
from tilth.audit.explorer import explorers
from tilth.audit.judged import Section
from tilth.audit.latent import MOST_PAIRS, between, shown, traversals, way_between
from tilth.audit.showcase import largest
from tilth.decode.resampling import ALPHA, effective_rows, resampling_weights
from tilth.nn.evidence import nested_bounds
from tilth.nn.modes import modes_kept
from tilth.objectives.variational import LatentModel, log_weights
from tilth.randomness import fold
from tilth.tasks._setup import Setup

MOST_SHOWN = 11  # in a row of the page
DRAWS = (1, 5, 50)  # Burda et al. 2016, table 1
MOST_BOUNDED, MOST_COMPARED = 1000, 2000  # rows


def lost(rows: Tensor, back: Tensor) -> Section:
    """Return the first rows and those that come back worst, each above its return."""
    errors = (back - rows).square().flatten(1).mean(1).double().numpy()
    first = np.arange(min(MOST_SHOWN, len(rows)))
    strips = []
    for title, places in (
        ("Test rows, and below as they come back", first),
        ("Those that come back worst", largest(errors, MOST_SHOWN)),
    ):
        above, below = shown(rows[places]), shown(back[places])
        for one, error in zip(below, errors[places], strict=True):
            one["caption"] = f"error {error:.2g}"
        strips += [{"title": title, "shown": above}, {"title": "", "shown": below}]
    return Section("What is lost", strips=strips)


def stand_for(setup: Setup, test: Coded) -> Section:
    """Return what becomes of a row as its latents are moved, two together and one by one."""
    decode = functools.partial(decoded, setup)
    base, spread = test.codes.mean(0), test.codes.std(0, correction=0)
    lines = []
    if test.usage is not None:
        lines.append(
            f"{len(test.usage.active)} of {len(test.usage.activity)} latents are active (their "
            "mean varies over rows by more than 0.01)."
        )
        lines += [test.usage.warning()] if test.usage.warning() else []
    lines.append(
        "Latents are moved by 2.5 standard deviations to either side of their mean over test "
        "rows, while the others stay at theirs."
    )
    strips = [
        {
            "title": f"Latent {one['latent']}, from {words.number(one['values'][0], 2)} to "
            f"{words.number(one['values'][-1], 2)}",
            "shown": one["shown"],
        }
        for one in traversals(decode, base, spread, test.order)
    ]
    grids = explorers(decode, base, spread, test.order)
    return Section("What the latents stand for", lines=lines, strips=strips, explorers=grids)


def ways(setup: Setup, train: Coded, test: Coded) -> Section:
    """Return what lies between rows, and how far it is from any row of train."""
    curved = test.usage is not None
    half = len(test.codes) // 2
    if not half:
        return Section("Between rows", lines=["A single test row has none to go to."])
    first, last = test.codes[:half], test.codes[half : 2 * half]
    decode = functools.partial(decoded, setup)
    middle = torch.tensor([0.5])
    places = range(min(half, MOST_COMPARED))
    codes = [way_between(first[i], last[i], curved=curved, fractions=middle)[0] for i in places]
    blends = (test.rows[:half] + test.rows[half : 2 * half])[: len(codes)] / 2
    away = [
        words.number(nearest(rows, train.rows[:MOST_COMPARED]), 2)
        for rows in (decode(torch.stack(codes)), blends)
    ]
    along = "the great circle, as befits draws of a Gaussian" if curved else "a straight line"
    lines = [
        f"Codes are changed evenly from those of one test row to those of another, along {along}.",
        f"The row halfway is {away[0]} away from the nearest row of train (root mean square over "
        f"its numbers); halfway without codes, the mean of the two rows, it is {away[1]}.",
    ]
    found = between(decode, first[: MOST_PAIRS // 2], last[: MOST_PAIRS // 2], curved=curved)
    titles = ["From one test row to another"] + [""] * len(found)
    strips = [{"title": one, "shown": way} for one, way in zip(titles, found, strict=False)]
    return Section("Between rows", lines=lines, strips=strips)


def nearest(rows: Tensor, known: Tensor) -> float:
    """Return the mean over rows of the distance to the nearest of others, per number of a row."""
    away = torch.cdist(rows.flatten(1).double(), known.flatten(1).double()).amin(1)
    return float(away.mean()) / math.sqrt(rows[0].numel())


def bounds(setup: Setup, test: Coded, seed: int) -> Section:
    """Return the evidence lower bound and tighter ones, which need more draws of the latents."""
    rows = test.rows[:MOST_BOUNDED]
    generator = torch.Generator(setup.device).manual_seed(fold(seed, "bounds"))
    found: list[list[Tensor]] = []
    with modes_kept(setup.model), torch.no_grad():
        setup.model.eval()
        for piece in torch.split(rows, 4 * setup.plan.batch_size):
            shape = (max(DRAWS), len(piece), test.codes.shape[1])
            noise = torch.randn(shape, generator=generator, device=setup.device)
            model = cast(LatentModel, setup.model)
            weights = log_weights(model, piece.to(setup.device), noise)
            found.append(nested_bounds(weights.double().cpu(), DRAWS))
    means = [float(torch.cat(part).mean()) for part in zip(*found, strict=True)]
    lines = [
        "The score is a lower bound of the log-probability of a row. With more draws of the "
        "latents for each row, weighted by their importance, the bound is tighter (Burda et al. "
        f"2016). Over {len(rows):,} test rows:"
    ]
    table = {
        "head": ["Draws for each row", "Bound, nats a row"],
        "rows": [[f"{k}", words.number(mean)] for k, mean in zip(DRAWS, means, strict=True)],
    }
    return Section("How tight the bound is", lines=lines, table=table)


def rare(train: Coded) -> Section:
    """Return the rows whose codes are rarest and commonest, and what evening them out takes."""
    weights = resampling_weights(train.codes)
    share = weights.double().numpy() * len(weights)
    lines = [
        "Drawing rows of train by the rarity of their codes, latent by latent (Amini et al. 2019, "
        f"alpha {ALPHA:g}), would even out what is seen; the bundle's resampling_weights gives the "
        f"chances. {len(weights):,} rows would then be worth as much as "
        f"{effective_rows(weights):,.0f} of equal chance.",
        "Below each row: how many times as often as by equal chances it would be drawn.",
    ]
    strips = []
    for title, keys in (("Rarest", share), ("Commonest", -share)):
        places = largest(keys, MOST_SHOWN)
        cells = shown(train.rows[places])
        for one, times in zip(cells, share[places], strict=True):
            one["caption"] = f"{times:.2g} times"
        strips.append({"title": title, "shown": cells})
    return Section("Common and rare rows", lines=lines, strips=strips)
