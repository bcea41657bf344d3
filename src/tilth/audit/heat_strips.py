"""The report's pictures of where answers come from: maps and pixels of errors and right answers."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tilth.audit import words
from tilth.audit.heat_map import grad_cam, onto, spatial_layer
from tilth.audit.integrated_gradients import STEPS, integrated_gradients
from tilth.audit.judged import Section
from tilth.audit.latent import shown
from tilth.audit.seen_pictures import Seen
from tilth.audit.showcase import largest
from tilth.data.dataset import IntArray
from tilth.data.image_ball import image_ball
from tilth.tasks import Array
from tilth.tasks._predicting import Predicting
from tilth.train.evaluate import Outputs

ERRORS, RIGHT = 6, 4
MAPS, PIXELS = 6, 3 * (STEPS + 1)  # passes; a gradient takes about two more
STRENGTH = 0.6  # of the colours over the picture
READ = (
    "Bright is where the last map of the net speaks for an answer (Grad-CAM, Selvaraju et al. "
    "2017): is it on the thing itself, or on its background? A map of {cells} cells is drawn over "
    "the whole picture, so it is right to about one cell."
)
RED = (
    "The pixels: red ones add to the output of what was said, blue ones take from it, measured "
    "from a black picture on (integrated gradients, Sundararajan et al. 2017). All of them "
    "together make up the change of the output; here they miss it by {gap} at the most."
)
LIMITS = (
    "Such pictures show where this net looks, not why, and not whether what it found there will "
    "hold elsewhere."
)


def heat_strips(seen: Seen, test: Outputs, temperature: float) -> Section | None:
    """Return the worst errors and some right answers with what spoke for them.

    test: outputs of the test rows of ``seen``; None where the net is too large to look at so
    """
    layer = spatial_layer(seen.net, seen.taken(seen.rows[:1])[0])
    cases = seen.affordable(MAPS if layer else PIXELS, ERRORS + RIGHT)
    if cases < 2:
        return None
    pixels = not layer or seen.affordable(PIXELS, cases) == cases
    strips, gaps, cells = [], [0.0], ""
    for title, places in _chosen(seen.task, test, temperature, cases).items():
        if not len(places):
            continue
        asked = _Asked(seen, test, places, temperature)
        columns = [_pictures(asked)]
        if layer:
            maps, cells = _maps(asked, layer)
            columns += maps
        if pixels:
            tiles, gap = _pixels(asked)
            columns.append(tiles)
            gaps.append(gap)
        rows = [list(row) for row in zip(*columns, strict=True)]
        strips += _in_pairs(title, rows)
    lines = [READ.format(cells=cells)] if layer else [WITHOUT]
    lines += [RED.format(gap=words.percent(max(gaps)))] * pixels + [LIMITS]
    return Section("Where it looks", lines=lines, strips=strips)


WITHOUT = (
    "This net has no map of the picture (its places are mixed in dense layers or tokens), so "
    "there is no Grad-CAM of it; pixels are shown alone."
)


class _Asked:
    """Some test pictures, with what was said of them."""

    def __init__(self, seen: Seen, test: Outputs, places: IntArray, temperature: float) -> None:
        self.seen, self.places = seen, places
        self.inputs, self.targets = seen.taken(test.rows.numpy()[places])
        decoded = seen.task.decode(test.outputs[torch.from_numpy(places)], temperature)
        self.values, self.answers = decoded.values, decoded.answers
        self.truths = seen.task.truths(self.targets.cpu())
        columns = self.answers if seen.is_classes else np.zeros(len(places))
        self.said = torch.as_tensor(columns, dtype=torch.int64, device=self.inputs.device)
        self.labels = seen.data.target.labels

    def name(self, column: int) -> str:
        """Return what a column of the outputs stands for."""
        if not self.seen.is_classes:
            return self.seen.data.target.name
        return words.short(self.labels[column], 20)


def _chosen(task: Predicting, test: Outputs, temperature: float, cases: int) -> dict[str, IntArray]:
    """Return the places of the worst errors, and of right answers spread over the test rows."""
    losses: Array = task.row_losses(test.outputs, test.targets, temperature).numpy()
    errors = min(ERRORS, cases - 1)
    if task.target.kind != "classes":
        return {"Farthest from the truth": largest(losses, errors)}
    right = test.outputs.argmax(dim=1).eq(test.targets).numpy()
    wrong = np.flatnonzero(~right)
    rest = np.flatnonzero(right)
    spread = np.unique(np.linspace(0, len(rest) - 1, min(RIGHT, cases - errors)).round())
    return {
        "Worst errors": wrong[largest(losses[wrong], errors)],
        "Right answers": rest[spread.astype(np.int64)] if len(rest) else rest,
    }


def _pictures(asked: _Asked) -> list[dict[str, Any]]:
    captions = []
    for place, answer in enumerate(asked.answers):
        if not asked.seen.is_classes:
            true = words.number(float(asked.truths[place]))
            captions.append(f"said {words.number(float(answer))}, true {true}")
            continue
        chance = words.percent(float(asked.values[place, int(answer)]), 0)
        true = asked.name(int(asked.truths[place]))
        wrong = f", true {true}" if answer != asked.truths[place] else ""
        captions.append(f"said {asked.name(int(answer))} ({chance}){wrong}")
    tiles = asked.seen.tiles(asked.inputs)
    return [{**tile, "caption": text} for tile, text in zip(tiles, captions, strict=True)]


def _maps(asked: _Asked, layer: str) -> tuple[list[list[dict[str, Any]]], str]:
    """Return columns of tiles for what was said and, of classes, for what is true."""
    columns, size = [], asked.inputs.shape[2:]
    asks = [("for", asked.said)]
    if asked.seen.is_classes and bool((asked.targets.cpu() != asked.said.cpu()).any()):
        asks.append(("for true", asked.targets.to(asked.said)))
    for word, classes in asks:
        heat = grad_cam(asked.seen.net, asked.inputs, classes, layer)
        cells = f"{heat.shape[2]} x {heat.shape[1]}"
        laid = onto(heat, (size[0], size[1])).cpu()
        tiles = shown(overlaid(asked.seen.greys(asked.inputs), laid))
        columns.append(
            [
                {**tile, "caption": f"{word} {asked.name(int(column))}"}
                for tile, column in zip(tiles, classes, strict=True)
            ]
        )
    return columns, cells


def _pixels(asked: _Asked) -> tuple[list[dict[str, Any]], float]:
    """Return tiles of what each pixel adds, and the largest share of the change that is missed."""
    ball = image_ball(asked.seen.data.preprocessor, 1.0, asked.inputs.device)
    black = torch.as_tensor(ball.low)
    found = integrated_gradients(asked.seen.net, asked.inputs, black, asked.said)
    missed = (found.gap.abs() / found.change.abs().clamp(min=1e-6)).max()
    tiles = shown(red_and_blue(found.shares.sum(1).cpu()))
    captions = [f"pixels for {asked.name(int(column))}" for column in asked.said]
    told = [{**tile, "caption": text} for tile, text in zip(tiles, captions, strict=True)]
    return told, float(missed)


def overlaid(pictures: Tensor, heat: Tensor) -> Tensor:
    """Return pictures [B, C, H, W] in [0, 1] in grey under the colours of maps [B, H, W].

    Each map is scaled to its own brightest place; one that is 0 everywhere stays dark.
    """
    import matplotlib as mpl

    scaled = heat / heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    colours = torch.from_numpy(mpl.colormaps["inferno"](scaled.numpy())[..., :3])
    grey = pictures.mean(dim=1, keepdim=True)
    return (1 - STRENGTH) * grey + STRENGTH * colours.permute(0, 3, 1, 2).float()


def red_and_blue(shares: Tensor) -> Tensor:
    """Return shares [B, H, W] as colours [B, 3, H, W]: red above 0, blue below, white at 0.

    >>> red_and_blue(torch.tensor([[[1.0, 0.0]]]))[0, :, 0, 1].tolist()
    [1.0, 1.0, 1.0]
    """
    top = torch.quantile(shares.abs().flatten(1), 0.99, dim=1).clamp(min=1e-12)[:, None, None]
    scaled = (shares / top).clamp(-1, 1)
    away = scaled.abs()
    return torch.stack([1 - away * (scaled < 0), 1 - away, 1 - away * (scaled > 0)], dim=1)


def _in_pairs(title: str, rows: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return strips of two cases each, the first with the title."""
    pairs = [list(chain(*rows[place : place + 2])) for place in range(0, len(rows), 2)]
    return [{"title": title * (not place), "shown": pair} for place, pair in enumerate(pairs)]
