"""``tl.dataset``: the user's own torch data sets and loaders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch.utils.data import DataLoader, default_collate

from tilth.arguments import checked
from tilth.data.own_data import OwnData, from_loader
from tilth.errors import UserError


@checked
def dataset(
    train: Any,
    valid: Any = None,
    test: Any = None,
    *,
    labels: Sequence[str] | None = None,
    workers: int | None = None,
    collate: Callable[[list[Any]], Any] | None = None,
    split_seed: int = 0,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
) -> OwnData:
    """Take your own ``torch.utils.data.Dataset`` (or DataLoader) of (inputs, target) items.

    valid, test: taken out of train where not given; labels: names of the classes 0, 1, ...
    workers: processes that read items; collate: list of items -> batch (torch's by default)
    Random transforms are seeded per (seed, epoch, row), so workers do not change the result.
    Raises UserError for data sets without a length and items that are not pairs.

    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> points = torch.arange(80.0).reshape(40, 2)
    >>> dataset(TensorDataset(points, torch.arange(40) % 2)).target.labels
    ('0', '1')
    """
    given = {"train": train, "valid": valid, "test": test}
    kept: dict[str, Any] = {"workers": 0, "collate": default_collate}
    parts = {}
    for name, part in given.items():
        if part is None:
            continue
        if isinstance(part, DataLoader):
            part, settings = from_loader(part)
            kept = settings if name == "train" else kept
        if not hasattr(part, "__len__") or not hasattr(part, "__getitem__"):
            raise UserError(
                f"{name} is a {type(part).__name__}",
                rule="a data set has a length and numbered items",
                fix="give a map-style torch Dataset",
            )
        parts[name] = part
    return OwnData(
        parts,
        labels=labels,
        workers=kept["workers"] if workers is None else workers,
        collate=collate or kept["collate"],
        split_seed=split_seed,
        fractions=fractions,
    )
