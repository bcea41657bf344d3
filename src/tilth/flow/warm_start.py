"""Begin with the body of a model trained before, under a new head."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from tilth.errors import UserError
from tilth.ship.open_bundle import read_bundle


def take_body(model: nn.Module, bundle: Path) -> list[str]:
    """Copy every weight of the bundle that has the same name and shape, except the head's.

    Returns what was taken and what was not, in words. Raises UserError where nothing fits.
    """
    return take(model, read_bundle(bundle).tensors, str(bundle))


def take(model: nn.Module, weights: dict[str, Tensor], name: str) -> list[str]:
    """Copy weights that fit into ``model``, except those under ``head.``."""
    own = model.state_dict()
    fits = {
        key: value
        for key, value in weights.items()
        if key in own and own[key].shape == value.shape and not key.startswith("head.")
    }
    wanted = [key for key in own if not key.startswith("head.")]
    if not fits:
        raise UserError(
            f"no weight of {name} fits this model",
            rule="warm start needs the same architecture and input size under a new head",
            fix="use the bundle's model name and size",
        )
    model.load_state_dict({**own, **fits})
    left = [key for key in wanted if key not in fits]
    notes = [f"{len(fits)} of {len(wanted)} body tensors taken from {name}"]
    return notes + ([f"left at their first values: {', '.join(left[:5])}"] if left else [])
