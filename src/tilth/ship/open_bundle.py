"""Opening a bundle: hashes first, then plain values, each checked; no code comes from a file."""

from __future__ import annotations

import json
import sys
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from tilth import files, registry
from tilth.data.dataset import Kind, Preprocessor, Target
from tilth.errors import UserError
from tilth.ship import architecture, preprocessors
from tilth.ship.architecture import Plugin
from tilth.ship.bundle import (
    ANSWERS,
    CONFIG,
    FORMAT_VERSION,
    LABELS,
    NEEDED,
    PREPROCESSOR,
    WEIGHTS,
)
from tilth.ship.weights import read_weights
from tilth.tasks._predicting import Predicting

_MOST_JSON_BYTES = 256 * 2**20  # millions of labels fit; more is not a model's description
_LARGEST = sys.float_info.max
_GET_AGAIN = "get the bundle again from where it came from"
INSIDE = "model"
"""The folder of a run that its bundle lies in."""
KINDS = typing.get_args(Kind)  # of targets


@dataclass(frozen=True)
class Contents:
    """The checked files of a bundle, before anything is built from them.

    architecture: {"name", "arguments"}; tensors: name -> weights
    """

    folder: Path
    architecture: dict[str, Any]
    task: str
    temperature: float
    target: Target
    preprocessor: dict[str, Any]
    tensors: dict[str, Tensor]
    answers: str = "predictions"
    decision: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Opened:
    """A bundle's parts, ready to predict: the network is in evaluation mode."""

    model: nn.Module
    preprocessor: Preprocessor
    task: Predicting | None  # of predictions alone
    temperature: float
    answers: str = "predictions"
    labels: tuple[str, ...] = ()
    values: tuple[int, ...] = ()  # of masks


def open_bundle(folder: str | Path, *, plugins: Sequence[Plugin] = ()) -> Opened:
    """Read a bundle (or the one inside a run folder) and build what is in it.

    plugins: code of the caller's own that the bundle may name; see ``load``

    Raises UserError naming what is missing, damaged, unknown or newer than this version.
    """
    contents = read_bundle(folder)
    preprocessor = preprocessors.from_bundle(contents.preprocessor, plugins)
    model = architecture.build(contents.architecture, contents.tensors, plugins)
    model.eval().requires_grad_(False)
    if contents.answers != "predictions":
        target = contents.target
        known = (contents.answers, target.labels, target.values)
        return Opened(model, preprocessor, None, 1.0, *known)
    facts = {"target": contents.target, **contents.decision}
    task: Predicting = registry.build("tilth.tasks", contents.task, facts)
    outputs = contents.architecture["arguments"].get("outputs", task.outputs)
    if outputs != task.outputs:
        raise UserError(
            f"the bundle has {task.outputs} labels for {outputs} outputs of its model",
            fix=_GET_AGAIN,
        )
    return Opened(model, preprocessor, task, contents.temperature)


def read_bundle(folder: str | Path) -> Contents:
    """Verify the files of a bundle (or the one inside a run folder) and read them.

    Raises UserError naming the file that is missing, changed, not readable or too new.
    """
    folder = _find(Path(folder))
    _verify(folder)
    config = _read_object(folder / CONFIG)
    _check_version(config.get("format_version"))
    labels = _read_json(folder / LABELS)
    return Contents(
        folder=folder,
        architecture=_architecture(config.get("architecture")),
        task=_text(config.get("task"), "task"),
        temperature=_temperature(config.get("temperature")),
        target=_target(config.get("target"), labels, config.get("mask_values", [])),
        preprocessor=_read_object(folder / PREPROCESSOR),
        tensors=read_weights(folder / WEIGHTS),
        answers=_answers(config.get("answers", "predictions")),
        decision=_decision(config.get("decision", {})),
    )


def stated_answers(folder: str | Path) -> str:
    """Return what the bundle in a folder says that it gives; predictions, where it cannot be read.

    Nothing is verified: for what has to be known before a bundle is opened.
    """
    try:
        config = json.loads((_find(Path(folder)) / CONFIG).read_bytes())
        return _answers(config.get("answers", "predictions"))
    except (UserError, OSError, ValueError, AttributeError):
        return "predictions"


def _find(folder: Path) -> Path:
    """Return the bundle's folder: the one given, or model/ inside a run."""
    if not folder.is_dir():
        raise _no_folder(folder)
    inner = folder / INSIDE
    if not (folder / CONFIG).exists() and (inner / CONFIG).exists():
        return inner
    if not (folder / CONFIG).exists() and not (folder / files.MANIFEST).exists():
        raise _no_bundle(folder)
    return folder


def _no_folder(folder: Path) -> UserError:
    """Return the error for what is no folder, which may be where a run has its bundle."""
    from tilth.train import run_folder  # only an error needs it

    if folder.exists():
        found = f"{folder} is a file"
    elif folder.name == INSIDE and (folder.parent / run_folder.CONFIG).exists():
        return _no_bundle(folder.parent)
    else:
        found = f"there is no folder {folder}"
    return UserError(found, rule="a bundle is a folder", fix="give the folder that it is in")


def _no_bundle(folder: Path) -> UserError:
    """Return the error for a folder without a bundle, which may be a run."""
    from tilth.train import run_folder  # only an error needs it

    is_run = (folder / run_folder.CONFIG).exists()
    again = run_folder.RunFolder.open(folder).goes_on_with if is_run else ""
    if is_run and (folder / run_folder.DONE).exists():
        return UserError(
            f"{folder} is done, and its bundle is not in {folder / INSIDE}",
            rule="a run answers with its bundle, which run.export() writes where it was trained",
            fix=again,
        )
    return UserError(
        f"{folder} is not a bundle",
        rule=f"a bundle is a folder with {CONFIG} and {files.MANIFEST} in it",
        fix=f"the run has not finished: {again}" if is_run else "",
    )


def damage(folder: Path) -> list[str]:
    """Return what is wrong with a bundle's needed files; people may edit the card.

    Nothing else is read.
    """
    problems = files.verify(folder)
    return [one for one in problems if one.partition(":")[0] in (*NEEDED, files.MANIFEST)]


def _verify(folder: Path) -> None:
    """Raise UserError unless every needed file is listed, inside the folder and unchanged."""
    try:
        listed = files.read_manifest(folder)
    except FileNotFoundError:
        raise UserError(
            f"{folder} has no {files.MANIFEST}",
            rule="without it nobody can tell whether the files are whole",
            fix=_GET_AGAIN,
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{folder / files.MANIFEST} cannot be read ({error})", fix=_GET_AGAIN
        ) from error
    for name in listed:
        path = folder / name
        _need(path.is_file() or not path.exists(), name, "it is not a plain file")
    for name in NEEDED:
        _need(name in listed, name, f"{files.MANIFEST} does not list it")
        inside = (folder / name).resolve().is_relative_to(folder.resolve())
        _need(inside, name, "it is a link to a file outside the bundle")
    for problem in damage(folder):
        raise UserError(
            f"{folder / problem.partition(':')[0]} is damaged or was changed ({problem})",
            rule=f"the files of a bundle are as {files.MANIFEST} lists them",
            fix=_GET_AGAIN,
        )


def _check_version(found: object) -> None:
    _need(isinstance(found, int) and not isinstance(found, bool), CONFIG, "no format_version")
    number = cast(int, found)
    if number > FORMAT_VERSION:
        raise UserError(
            f"the bundle has format version {number}",
            rule=f"this tilth reads versions up to {FORMAT_VERSION}",
            fix="upgrade: pip install --upgrade tilth",
        )
    _need(number >= 1, CONFIG, f"format_version {number}")


def _architecture(found: object) -> dict[str, Any]:
    whole = isinstance(found, dict) and set(found) == {"name", "arguments"}
    _need(whole, CONFIG, "architecture is not a name and arguments")
    named = cast(dict[str, Any], found)
    _need(isinstance(named["arguments"], dict), CONFIG, "the arguments are not a JSON object")
    return {**named, "name": _text(named["name"], "architecture name")}


def _text(found: object, what: str) -> str:
    _need(isinstance(found, str), CONFIG, f"{what} is not text")
    return cast(str, found)


def _temperature(found: object) -> float:
    _need(_is_number(found) and cast(float, found) > 0, CONFIG, "temperature is not above 0")
    return float(cast(float, found))


def _decision(found: object) -> dict[str, float]:
    whole = isinstance(found, dict) and all(_is_number(value) for value in found.values())
    _need(whole, CONFIG, "decision is not numbers by name")
    return cast(dict[str, float], found)


def _answers(found: object) -> str:
    _need(found in ANSWERS, CONFIG, f"answers are none of {', '.join(ANSWERS)}")
    return cast(str, found)


def _target(found: object, labels: object, values: object) -> Target:
    texts = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    _need(texts, LABELS, "it is not a list of labels")
    keys = {"name", "kind", "mean", "scale"}
    _need(isinstance(found, dict) and set(found) == keys, CONFIG, f"target lacks {sorted(keys)}")
    config = cast(Mapping[str, Any], found)
    numbers = _is_number(config["mean"]) and _is_number(config["scale"])
    _need(numbers and isinstance(config["name"], str), CONFIG, "target is damaged")
    _need(config["kind"] in KINDS, CONFIG, "target is of no known kind")
    count = len(cast(list[str], labels))
    _need(count > 0 or config["kind"] != "classes", LABELS, "it lists no labels")
    fits = isinstance(values, list) and len(values) in (0, count + 1)
    known = range(256)
    bytes_alone = fits and all(type(one) is int and one in known for one in cast(list[Any], values))
    _need(bytes_alone, CONFIG, "mask_values are not a byte for each label and one for the rest")
    return Target.from_config({**config, "labels": labels, "values": values})


def _is_number(found: object) -> bool:
    plain = isinstance(found, int | float) and not isinstance(found, bool)
    return plain and -_LARGEST <= cast(float, found) <= _LARGEST  # false for nan too


def _read_object(path: Path) -> dict[str, Any]:
    content = _read_json(path)
    _need(isinstance(content, dict), path.name, "it holds no JSON object")
    return cast(dict[str, Any], content)


def _read_json(path: Path) -> object:
    """Read strict JSON; depth, size and numbers of any kind end in a UserError."""
    try:
        if path.stat().st_size > _MOST_JSON_BYTES:
            raise ValueError(f"more than {_MOST_JSON_BYTES} bytes")
        return json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error})", fix=_GET_AGAIN) from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _need(fulfilled: bool, name: str, problem: str) -> None:
    if not fulfilled:
        raise UserError(f"{name}: {problem}", rule="this is not a sound bundle", fix=_GET_AGAIN)
