"""A run goes on as it began: what a resume asks for is compared with what the run recorded."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tilth.contracts import State
from tilth.errors import UserError
from tilth.flow.settings import TrainSettings, plain_settings
from tilth.ship.weights import mismatches
from tilth.train.loop import Loop
from tilth.train.plan import Plan
from tilth.train.run_folder import RunFolder
from tilth.train.toml import dump

if TYPE_CHECKING:
    from tilth.flow.learner import Learner

ROOMS = ("data", "task", "model", "train", "own")
FREE = (
    "data.path",  # the data may have moved: its fingerprint says whether it is the same
    "data.onto",
    "data.test",
    "data.labels",
    "data.masks",
    "data.pairs",
    "data.decisions",
    "data.resident",  # where pictures are held changes none of them
    "data.max_bad",  # the rows that were set aside are in the fingerprint and the splits
    "train.checkpoint_seconds",  # saving more or less often changes no weight
    "train.device",  # "auto" may say now what was named before; check_device compares the kinds
)
"""Settings that a resume may change, because the weights at the end stay the same to the bit."""


def check_settings(
    folder: RunFolder, asked: Mapping[str, Any], *, free: Iterable[str] = ()
) -> None:
    """Raise UserError that lists each setting which is not the recorded one.

    asked: the config.toml that the run would get if it began now; free: further names that may
    differ, beside FREE (``quiet`` and ``force`` are no part of a configuration)
    """
    recorded, now = (
        {room: config[room] for room in ROOMS if room in config}
        for config in (folder.config, plain(asked))
    )
    changed = differences(recorded, now, {*FREE, *free})
    if changed:
        raise UserError(
            f"{folder.path} began with other settings (recorded -> asked now): "
            f"{'; '.join(changed)}",
            rule="a run goes on as it began, or its record would not be true",
            fix="leave the change out, or begin a new run in another folder",
        )


def check_phase(
    folder: RunFolder, plan: Plan, settings: TrainSettings, *, free: Iterable[str] = ()
) -> None:
    """Raise UserError where a recorded phase was planned from other training settings."""
    changed = differences(
        {"train": plan.asked}, plain({"train": plain_settings(settings)}), {*FREE, *free}
    )
    if changed:
        raise UserError(
            f"a phase of {folder.path} was begun otherwise (recorded -> asked now): "
            f"{'; '.join(changed)}",
            rule="finished and open phases go on as they began",
            fix="call fit as before, or begin a new run in another folder",
        )


def check_device(folder: RunFolder, plan: Plan, device: torch.device) -> None:
    """Raise UserError where a phase that began on one kind of device would go on on another."""
    kind = plan.device.partition(":")[0]
    if kind != device.type:
        raise UserError(
            f"{folder.path} was trained on {kind}, and this is {device.type}",
            rule="another kind of device rounds otherwise: the weights would not be the same",
            fix=f"resume it where there is {kind} (device={kind!r}), or begin a new run",
        )


def check_same_data(folder: RunFolder, learner: Learner) -> None:
    """Raise UserError where the data is not what the run began with."""
    recorded = folder.read_record("data")
    if recorded["fingerprint"] != learner.data.fingerprint():
        raise UserError(
            f"the data of {folder.path} has changed since it began",
            rule="a run goes on with the data it began with, else its weights mean nothing",
            fix="put the data back, or begin a new run",
        )
    for split in learner.data.splits:
        begun = recorded["splits"][split]
        if begun["sha256"] != learner.data.split_record(split)["sha256"]:
            raise UserError(
                f"the {split} rows of {folder.path} are not the {begun['count']} it began with",
                rule="a run goes on with the split it began with, or test rows would be trained on",
                fix="read the data with the same fractions, splits and split_seed",
            )


def restore(loop: Loop, state: State, path: Path) -> None:
    """Load a checkpoint's state; raise UserError where it is that of other parts."""
    problems = mismatches(loop.model.state_dict(), state["model"])
    if len(state["hooks"]) != len(loop.hooks):
        problems.append(f"it has {len(state['hooks'])} hooks, here there are {len(loop.hooks)}")
    for name, player in loop.players.items():
        kept = state["players"].get(name, {}).get("param_groups", [])
        groups = player.optimizer.param_groups
        if [{*group} for group in kept] != [{*group} for group in groups]:
            problems.append(f"the optimizer of {name!r} is not a {type(player.optimizer).__name__}")
    if not problems:
        try:
            loop.load_state_dict(state)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            problems.append(f"{type(error).__name__}: {error}")
    if problems:
        raise UserError(
            f"the checkpoint in {path} is not of this model, optimizer and hooks: "
            f"{'; '.join(problems)}",
            rule="a run goes on with the parts it began with",
            fix="build them as before, or begin a new run in another folder",
        )


def differences(
    recorded: Mapping[str, Any], asked: Mapping[str, Any], free: Iterable[str] = ()
) -> list[str]:
    """Return "name: recorded -> asked" for each plain value that differs, in dotted names.

    >>> differences({"train": {"lr": 0.1}}, {"train": {"lr": 0.2, "clip": 1.0}})
    ['train.clip: (not given) -> 1.0', 'train.lr: 0.1 -> 0.2']
    """
    before, now = dict(_flat(recorded)), dict(_flat(asked))
    ignored = set(free)
    return [
        f"{name}: {_told(before, name)} -> {_told(now, name)}"
        for name in sorted({*before, *now})
        if name not in ignored and before.get(name) != now.get(name)
    ]


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as it reads back from its file: lists for tuples."""
    return tomllib.loads(dump(config))


def _told(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else "(not given)"


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", value))
    return rows
