"""Begin with the body of a model trained before, under a new head."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tilth import registry
from tilth.data.dataset import Data
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.image_set import ImageData
from tilth.errors import UserError
from tilth.ship.architecture import in_use
from tilth.ship.open_bundle import Contents, read_bundle
from tilth.tasks import Task
from tilth.wording import counted

ANY_NET = ("predictions", "masks")
"""Answers of tasks that take any net of their kind: a warm start brings its bundle's."""
LEAST = 0.25
"""Share of a body's tensors that a warm start brings, or it would be one in name only.

A choice, of which no score was measured. What batch norms counted is not counted here: of
small_resnet at another width nothing else fits; of mlp at another size 1 of 2 does.
"""
LONGEST = 200  # characters of a model's arguments in a message


def read_start(bundle: str | Path | None) -> Contents | None:
    """Return what a warm start begins from: a bundle, or that of a run; None where none is."""
    return None if bundle is None else read_bundle(bundle)


def take_body(model: nn.Module, start: Contents, known: Collection[str]) -> list[str]:
    """Copy every weight of the bundle that has the same name and shape, except the head's.

    known: names of the arguments that data and task make known
    Returns what was taken and what was not, in words. Raises UserError where less than LEAST of
    the body fits.
    """
    fix = same_model(start.architecture, known)
    return take(model, start.tensors, str(start.folder), fix=fix)


def usual_of(start: Contents | None, task: Task, known: Mapping[str, Any]) -> str | None:
    """Return the net that a warm start asks for where none is named: the bundle's, if it fits.

    known: what the builder of a model is told of the data and the task
    """
    if start is None or not _brings_net(start, task):
        return None
    name = start.architecture["name"]
    if name not in registry.names("tilth.models"):
        return None
    return str(name) if set(known) <= _accepted(name) else None


def body_arguments(
    start: Contents | None,
    task: Task,
    name: str,
    known: Mapping[str, Any],
    usual: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the arguments that a body taken over was built with, where nothing else says.

    known: what data and task make known, and what was given; usual: of these data, for a net
        that begins anew: a body that says nothing of an argument was built with its default
    A net whose layers depend on the size of the pictures is built for that of its first training.
    """
    if start is None or not _brings_net(start, task) or start.architecture["name"] != name:
        return dict(usual)
    before, accepted = start.architecture["arguments"], _accepted(name)
    kept = {key: value for key, value in before.items() if key not in (*known, "trained_size")}
    first = before.get("trained_size", before.get("size"))
    if "trained_size" in accepted and first not in (None, known.get("size")):
        kept["trained_size"] = first
    used = in_use(name, {**known, **kept})
    return {key: value for key, value in kept.items() if key in accepted and key in used}


def _brings_net(start: Contents, task: Task) -> bool:
    return start.answers == task.answers and task.answers in ANY_NET


def _accepted(name: str) -> set[str]:
    return set(inspect.signature(registry.find("tilth.models", name)).parameters)


def normalised_for(start: Contents | None, data: Data) -> tuple[Data, list[str]]:
    """Return pictures normalised as those that the bundle's body learned from, and that in words.

    Its layers expect what they were trained on: with the statistics of the new pictures a dark
    set would look to them like a light one. Grey ones get the mean over the colours; where the
    channels differ otherwise, pictures keep their own.
    """
    if start is None or start.preprocessor.get("kind") != "images":
        return data, []
    return _as_before(data, ImagePreprocessor.from_config(start.preprocessor), str(start.folder))


def normalised_for_weights(
    model: nn.Module, architecture: Mapping[str, Any], data: Data
) -> tuple[Data, list[str]]:
    """Return pictures normalised as those that the weights of a model learned from, where it knows.

    A model that was given as a module is normalised for as one that is built by its name.
    """
    known = getattr(model, "learned_from", None)
    if known is None or not isinstance(data, ImageData):
        return data, []
    mean, std = known
    first = ImagePreprocessor(1, 1, len(mean), mean, std, value_range=(0.0, 1.0))
    weights = architecture["arguments"].get("weights", f"the weights of {architecture['name']}")
    return _as_before(data, first, str(weights))


def _as_before(data: Data, first: ImagePreprocessor, name: str) -> tuple[Data, list[str]]:
    """Return the data normalised as ``first`` has it; one channel by the mean over its channels."""
    if not isinstance(data, ImageData):
        return data, []
    channels = data.preprocessor.channels
    if channels == 1:  # of a backbone of another library the kernels are summed over the colours
        mean, std = (sum(each) / len(each) for each in (first.mean, first.std))
        first = dataclasses.replace(first, channels=1, mean=(mean,), std=(std,))
    if channels != first.channels:
        counts = f"those of {name} have {counted(first.channels, 'channel')}, these {channels}"
        return data, [f"pictures are normalised by their own statistics: {counts}"]
    data = data.normalised_as(first)
    said = ", deviation ".join(
        ", ".join(f"{one:.4g}" for one in values)
        for values in (data.preprocessor.mean, data.preprocessor.std)
    )
    return data, [f"pictures are normalised as those of {name}: mean {said}"]


def take(model: nn.Module, weights: dict[str, Tensor], name: str, *, fix: str) -> list[str]:
    """Copy weights that fit into ``model``, except those under ``head.``.

    fix: how to get a model that they fit
    Raises UserError where less than LEAST of the body fits.
    """
    own = model.state_dict()
    fits = {
        key: value
        for key, value in weights.items()
        if key in own and own[key].shape == value.shape and not key.startswith("head.")
    }
    wanted = [key for key in own if not key.startswith("head.")]
    saying = [key for key in wanted if own[key].dim()]  # a batch norm's count fits anywhere
    fitting = sum(key in fits for key in saying)
    if fitting < max(1, LEAST * len(saying)):
        raise UserError(
            f"{fitting} of {len(saying)} body tensors of {name} fit this model",
            rule=f"a warm start brings at least {100 * LEAST:.0f} % of them; for all of them it "
            "needs the same architecture and input size under a new head",
            fix=fix,
        )
    model.load_state_dict({**own, **fits})
    left = [key for key in wanted if key not in fits]
    notes = [f"{len(fits)} of {len(wanted)} body tensors taken from {name}"]
    return notes + ([f"left at their first values: {', '.join(left[:5])}"] if left else [])


def same_model(of: Mapping[str, Any], known: Collection[str]) -> str:
    """Return how to get the model whose weights they are.

    of: its name and its arguments; known: names of the arguments that data and task make known

    >>> same_model({"name": "Net", "arguments": {}}, ["outputs"])
    'build Net as it was, and give it: tl.Learner(data, Net(...), warm_start=...)'
    """
    name = of["name"]
    if name in registry.names("tilth.models"):
        if not set(known) <= _accepted(name):
            return f"begin from another bundle: {name} cannot do this task"
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
