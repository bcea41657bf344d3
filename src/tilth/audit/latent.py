"""Which latents a model uses, and what each of them stands for."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tilth.decode.interpolate import linear, slerp
from tilth.nn.evidence import kl_to_standard_normal

ACTIVE = 0.01  # Burda et al. 2016, section 5: the two kinds of units lie far apart around it
ENOUGH = 0.25  # share of latents; that of Burda et al. 2016, table 1, used 19 of 50
REACH = 2.5  # standard deviations to either side: 99 % of what a Gaussian draws
OPPOSITE = -0.99  # cosine of codes from which the great circle between them is a matter of chance
STEPS, MOST_LATENTS, MOST_PAIRS = 9, 16, 8

Decode = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Usage:
    """How much of its latents a variational model uses.

    activity: variance over rows of each latent's posterior mean (Burda et al. 2016, section 5)
    kl: mean over rows of each latent's divergence from the prior, in nats
    """

    activity: list[float]
    kl: list[float]

    @property
    def active(self) -> list[int]:
        """Latents with an activity above 0.01, those that say most first."""
        found = [place for place, value in enumerate(self.activity) if value > ACTIVE]
        return sorted(found, key=lambda place: -self.kl[place])

    @property
    def collapsed(self) -> bool:
        """Whether fewer than a quarter of the latents are active: the posterior has collapsed.

        Of the others, q(z|x) is the prior whatever the row, and the decoder ignores them. Some of
        them are no fault: a net that needs fewer latents than it has leaves the rest unused.
        """
        return len(self.active) < ENOUGH * len(self.activity)

    def warning(self) -> str:
        """Return what to say of a collapse and what to do about it; empty where there is none."""
        if not self.collapsed:
            return ""
        return (
            f"Posterior collapse: {len(self.active)} of {len(self.activity)} latents say anything "
            "about a row. Fix: a smaller beta, fewer latents, or a longer training."
        )


def usage(means: Tensor, log_stds: Tensor) -> Usage:
    """Return how the latents are used, from the posteriors of many rows.

    means, log_stds: [N, latents] of q(z|x)

    >>> usage(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[-2.0, 0.0]] * 2)).active
    [0]
    """
    kl = kl_to_standard_normal(means.double(), log_stds.double()).mean(0)
    return Usage(means.double().var(0, correction=0).tolist(), kl.tolist())


def around(base: Tensor, spread: Tensor, place: int) -> Tensor:
    """Return the values that a latent is moved through: 2.5 deviations to either side of its mean.

    >>> around(torch.tensor([1.0]), torch.tensor([0.4]), 0).tolist()[::4]
    [0.0, 1.0, 2.0]
    """
    return base[place] + REACH * spread[place] * torch.linspace(-1, 1, STEPS).to(base)


def traversals(
    decode: Decode, base: Tensor, spread: Tensor, latents: list[int]
) -> list[dict[str, Any]]:
    """Return, for each latent, what becomes of one code while that latent alone is moved.

    decode: [N, D] -> rows [N, *shape]; base, spread: [D] means and standard deviations
    of codes; latents: the places to move, the first ``MOST_LATENTS`` of them shown
    Each is ``{"latent", "values", "shown"}``: the values taken, and ``shown`` rows for each.
    """
    found = []
    for place in latents[:MOST_LATENTS]:
        codes = base.repeat(STEPS, 1)
        codes[:, place] = values = around(base, spread, place)
        found.append({"latent": place, "values": values.tolist(), "shown": shown(decode(codes))})
    return found


def between(
    decode: Decode, first: Tensor, last: Tensor, *, curved: bool = False
) -> list[list[dict[str, Any]]]:
    """Return, for each pair of codes [N, D], the rows along the way between them.

    curved: along the great circle, for codes that are draws of a standard normal; straight else,
    and where two codes are nearly opposite
    """
    pairs = zip(first[:MOST_PAIRS], last[:MOST_PAIRS], strict=True)
    return [shown(decode(way_between(a, b, curved=curved))) for a, b in pairs]


def way_between(
    first: Tensor, last: Tensor, *, curved: bool, fractions: Tensor | None = None
) -> Tensor:
    """Return [T, D] codes from one [D] to another; see ``between``; nine steps by default."""
    steps = torch.linspace(0, 1, STEPS) if fractions is None else fractions
    if curved and float(torch.cosine_similarity(first, last, dim=0)) > OPPOSITE:
        return slerp(first, last, steps)
    return linear(first, last, steps)


def shown(rows: Tensor) -> list[dict[str, Any]]:
    """Return rows for a page: ``{"png": base64}`` of pictures, ``{"numbers": [...]}`` of others.

    rows: [N, 1 or 3, height, width] in [0, 1], or any other shape

    >>> shown(torch.tensor([[0.5, 2.0]]))
    [{'numbers': [0.5, 2.0]}]
    """
    rows = rows.detach().float().cpu()
    if rows.dim() == 4 and rows.shape[1] in (1, 3):
        return [{"png": _png(row)} for row in rows]
    return [{"numbers": row.flatten().tolist()} for row in rows]


def _png(picture: Tensor) -> str:
    from PIL import Image

    pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    array = pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous().numpy()
    written = io.BytesIO()
    Image.fromarray(array).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode("ascii")
