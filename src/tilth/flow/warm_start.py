"""Begin with the body of a model trained before, under a new head."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tilth import registry
from tilth.errors import UserError
from tilth.ship.open_bundle import read_bundle

LONGEST = 200  # characters of a model's arguments in a message


def take_body(model: nn.Module, bundle: Path) -> list[str]:
    """Copy every weight of the bundle that has the same name and shape, except the head's.

    Returns what was taken and what was not, in words. Raises UserError where nothing fits.
    """
    found = read_bundle(bundle)
    return take(model, found.tensors, str(bundle), of=found.architecture)


def take(
    model: nn.Module, weights: dict[str, Tensor], name: str, *, of: Mapping[str, Any]
) -> list[str]:
    """Copy weights that fit into ``model``, except those under ``head.``.

    of: the name and the arguments of the model whose weights they are
    """
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
            fix=same_model(of),
        )
    model.load_state_dict({**own, **fits})
    left = [key for key in wanted if key not in fits]
    notes = [f"{len(fits)} of {len(wanted)} body tensors taken from {name}"]
    return notes + ([f"left at their first values: {', '.join(left[:5])}"] if left else [])


def same_model(of: Mapping[str, Any]) -> str:
    """Return how to get the model whose weights they are.

    >>> same_model({"name": "Net", "arguments": {}})
    'build Net as it was, and give it: tl.Learner(data, Net(...), warm_start=...)'
    """
    name = of["name"]
    if name in registry.names("tilth.models"):
        return f'use the bundle\'s: model="{name}" (--model {name}){built_with(of)}'
    return f"build {name} as it was, and give it: tl.Learner(data, {name}(...), warm_start=...)"


def built_with(architecture: Mapping[str, Any]) -> str:
    """Return in words what a model was built with, beside its head.

    >>> built_with({"name": "mlp", "arguments": {"size": 8, "outputs": 3}})
    ', with size=8'
    """
    arguments = {k: v for k, v in architecture["arguments"].items() if k != "outputs"}
    told = ", ".join(f"{name}={value}" for name, value in arguments.items())
    return f", with {told if len(told) <= LONGEST else told[:LONGEST] + '...'}" if told else ""
