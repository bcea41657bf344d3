"""The look at a model that gives rows back: what is lost, and what its latents stand for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.latent import between, shown, traversals, usage
from tilth.audit.showcase import largest
from tilth.data.dataset import as_rows
from tilth.nn.modes import modes_kept
from tilth.tasks import Array
from tilth.tasks._reconstructing import Reconstructing, batches
from tilth.tasks._setup import Setup

MOST_SHOWN = 11  # in a row of the page
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
    inputs = torch.cat(list(batches(setup, "test"))).cpu()
    codes, back = through(setup, inputs)
    net = Contestant("net", "this net", values)
    others = [principal_components(task, setup, inputs, codes.shape[1])]
    sections = [_lost(inputs, back), _latents(setup, codes)]
    width = f"{codes.shape[1]} numbers a row"
    return judged(
        task,
        data,
        net,
        [one for one in others if one is not None],
        subtitle=f"Rows of {inputs[0].numel():,} numbers, kept as {width}",
        things="pictures" if data.kind == "images" else "rows",
        sections=sections,
        not_checked=UNCHECKED,
        seed=seed,
    )


def through(setup: Setup, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the codes [N, latents] of rows, and the rows as they come back."""
    codes, back = [], []
    with modes_kept(setup.model), torch.no_grad():
        model: Any = setup.model.eval()
        for piece in torch.split(inputs, 4 * setup.plan.batch_size):
            found = model.encode(piece.to(setup.device))
            codes.append((found[0] if isinstance(found, tuple) else found).cpu())
            back.append(model(piece.to(setup.device)).cpu())
    return torch.cat(codes), torch.cat(back)


def principal_components(
    task: Reconstructing, setup: Setup, inputs: Tensor, latents: int
) -> Contestant | None:
    """Return what a linear model of as many numbers a row does, in the task's own measure.

    The error that principal components leave, or the log-probability under probabilistic PCA
    (Tipping and Bishop 1999), which has no divergence of its own to compare.
    """
    from sklearn.decomposition import PCA

    begun = time.perf_counter()
    usual = task.usual(setup.data).baseline_rows
    train = torch.cat(list(batches(setup, "train", rows=usual))).cpu().flatten(1).double().numpy()
    flat = inputs.flatten(1).double().numpy()
    if latents >= min(train.shape):
        return None
    fitted: Any = PCA(latents, random_state=0).fit(train)
    columns: dict[str, Callable[[], Array]] = {
        "mse": lambda: ((fitted.inverse_transform(fitted.transform(flat)) - flat) ** 2).mean(1),
        "elbo": lambda: fitted.score_samples(flat),
    }
    nothing = np.full(len(flat), np.nan)
    found = [columns[name]() if name in columns else nothing for name in task.metrics]
    values: Array = np.stack(found, axis=1)
    name = "probabilistic PCA" if "elbo" in task.metrics else "PCA"
    what = f"{name} with {latents} components"
    return Contestant("pca", what, values, time.perf_counter() - begun)


def _lost(inputs: Tensor, back: Tensor) -> Section:
    """Return the first test rows and those that come back worst, each above its return."""
    errors = (back - inputs).square().flatten(1).mean(1).double().numpy()
    first = np.arange(min(MOST_SHOWN, len(inputs)))
    strips = []
    for title, places in (
        ("Test rows, and below as they come back", first),
        ("Those that come back worst", largest(errors, MOST_SHOWN)),
    ):
        above, below = shown(inputs[places]), shown(back[places])
        for one, error in zip(below, errors[places], strict=True):
            one["caption"] = f"error {error:.2g}"
        strips += [{"title": title, "shown": above}, {"title": "", "shown": below}]
    return Section("What is lost", strips=strips)


def _latents(setup: Setup, codes: Tensor) -> Section:
    """Return what each latent does, and the ways between rows."""
    model: Any = setup.model
    lines, order = [], codes.var(0).argsort(descending=True).tolist()
    with modes_kept(model), torch.no_grad():
        model.eval()
        if hasattr(model, "log_likelihood"):
            inputs = torch.cat(list(batches(setup, "test")))
            found = usage(*(part.cpu() for part in model.encode(inputs)))
            order = found.active
            lines.append(
                f"{len(found.active)} of {len(found.activity)} latents are active (their mean "
                "varies over rows by more than 0.01)."
            )
            lines += [found.warning()] if found.warning() else []

        def decode(latents: Tensor) -> Tensor:
            rows: Tensor = model.decode(latents.to(setup.device))
            return rows

        reach = 2.5 * float(codes.std(0).max())
        strips = [
            {
                "title": f"Latent {one['latent']}, from {one['values'][0]:.2g} to "
                f"{one['values'][-1]:.2g}",
                "shown": one["shown"],
            }
            for one in traversals(decode, codes.mean(0), order, reach=reach)
        ]
        half = len(codes) // 2
        strips += [
            {"title": "From one test row to another", "shown": way}
            for way in between(decode, codes[:half][:4], codes[half:][:4])
        ]
    return Section("What the latents stand for", lines=lines, strips=strips)
