"""Rows that a model makes up: decoded from draws of densities fitted to its codes."""

from __future__ import annotations

import torch
from torch import Tensor

from tilth.audit import words
from tilth.audit.coded import Coded, decoded
from tilth.audit.judged import Section
from tilth.audit.kernel_distance import squared_discrepancy
from tilth.audit.latent import shown
from tilth.audit.latent_sections import MOST_SHOWN
from tilth.decode.latent_density import (
    LatentDensity,
    gaussian_density,
    mixture_density,
    standard_normal,
)
from tilth.randomness import SEEDS, fold
from tilth.tasks._setup import Setup

PARTS = 10  # Ghosh et al. 2020, section 4
ROWS_FOR_A_PART = 20
MOST_ROWS = 500


def densities(train: Coded, *, seed: int) -> dict[str, LatentDensity]:
    """Return the prior of a variational model, and what fits the codes of train.

    A density is left out where its codes do not allow it: too few, or all on a plane.
    """
    codes, found = train.codes, {}
    if train.usage is not None:
        found["the prior, a standard normal"] = standard_normal(codes.shape[1])
    one = gaussian_density(codes)
    if int(torch.linalg.cholesky_ex(one.covariances).info) == 0:
        found["one Gaussian, fitted"] = one
    parts = min(PARTS, len(codes) // ROWS_FOR_A_PART)
    if parts > 1:
        found[f"{parts} Gaussians, fitted"] = mixture_density(codes, parts=parts, seed=seed)
    return found


def made_up(setup: Setup, train: Coded, valid: Coded, *, seed: int) -> Section:
    """Return rows decoded from each density, how well it fits, and how like the data they are."""
    real = valid.rows[:MOST_ROWS]
    table, strips = [], []
    for name, density in densities(train, seed=fold(seed, "density") % SEEDS).items():
        generator = torch.Generator().manual_seed(fold(seed, "made up", name))
        rows = decoded(setup, density.sample(max(len(real), MOST_SHOWN), generator))
        fit = float(density.log_density(valid.codes).mean())
        table.append([name, words.number(fit), _distance(real, rows[: len(real)])])
        strips.append({"title": f"Drawn from {name}", "shown": shown(rows[:MOST_SHOWN])})
    table.append(["(rows of train)", "-", _distance(real, train.rows[: len(real)])])
    lines = [
        "Codes are drawn from a density and decoded. The densities are fitted to the codes of "
        "train; the log-density is of the codes of valid, more is better.",
        "The distance of the rows from those of valid is the kernel distance of Binkowski et al. "
        "2018 on their plain numbers: around 0 for more rows of the same kind, less is better. "
        "Compare it within this table alone.",
    ]
    head = ["Codes drawn from", "Log-density on valid, nats a row", "Distance of its rows"]
    return Section(
        "Rows it makes up", lines=lines, strips=strips, table={"head": head, "rows": table}
    )


def _distance(real: Tensor, other: Tensor) -> str:
    if min(len(real), len(other)) < 2:
        return "-"
    first, second = (rows.flatten(1).double().numpy() for rows in (real, other))
    return words.number(squared_discrepancy(first, second), 3)
