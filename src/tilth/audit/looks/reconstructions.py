"""The look at a model that gives rows back: what is lost, and what its latents stand for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tilth.audit.coded import coded
from tilth.audit.judged import Contestant, judged
from tilth.audit.latent_sections import bounds, lost, rare, stand_for, ways
from tilth.audit.made_up import made_up
from tilth.audit.simple_codes import independent_numbers, principal_components
from tilth.data.dataset import as_rows
from tilth.nn.modes import modes_kept
from tilth.tasks._reconstructing import Reconstructing
from tilth.tasks._setup import Setup

UNCHECKED = (
    "Meaning: whether what it keeps of a row is what matters about it; a small error may hide "
    "exactly the detail that you need.",
    "Strangers: rows of another kind than those it learned from. It gives them back as well as "
    "it can, and does not say so.",
    "Luck: the intervals cover the choice of test rows, not training again with another seed.",
)


def reconstructions(task: Reconstructing, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a model that gives rows back; test is opened here, once."""
    data = as_rows(setup.data)
    values = task.values(setup, "test")
    train = coded(task, setup, "train", most=task.usual(data).baseline_rows)
    valid, test = (coded(task, setup, split) for split in ("valid", "test"))
    latents = test.codes.shape[1]
    sections = [
        lost(test.rows, as_they_come_back(setup, test.rows)),
        stand_for(setup, test),
        ways(setup, train, test),
        made_up(setup, train, valid, seed=seed),
        *([bounds(setup, test, seed)] if test.usage is not None else []),
        rare(train),
    ]
    simple = [principal_components(task, train.rows, test.rows, latents)]
    if getattr(setup.model, "likelihood", "gaussian") == "bernoulli":  # PCA has densities instead
        simple = [independent_numbers(task, train.rows, test.rows)]
    return judged(
        task,
        data,
        Contestant("net", "this net", values),
        [one for one in simple if one is not None],
        subtitle=f"Rows of {test.rows[0].numel():,} numbers, kept as {latents} numbers a row",
        things="pictures" if data.kind == "images" else "rows",
        sections=sections,
        warnings=[test.usage.warning()] if test.usage is not None else [],
        not_checked=UNCHECKED,
        seed=seed,
    )


def as_they_come_back(setup: Setup, rows: Tensor) -> Tensor:
    """Return rows [N, *shape] as the model gives them back, on the CPU."""
    with modes_kept(setup.model), torch.no_grad():
        model = setup.model.eval()
        pieces = torch.split(rows, 4 * setup.plan.batch_size)
        return torch.cat([model(piece.to(setup.device)).cpu() for piece in pieces])
