"""What nets say about rows that they did not learn from, for every row of a data set.

The rows are dealt out into folds, copies of a row together; for each fold a new net learns from
all the others, by the same loop, and answers for the fold. What is kept of each is its answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tilth import files
from tilth.data.dataset import IntArray, Rows, as_rows
from tilth.data.folds import fold_rows
from tilth.errors import UserError
from tilth.flow.fine_tune import Stage, enter, stages_of
from tilth.flow.learner import Learner
from tilth.randomness import fold
from tilth.tasks._predicting import Predicting
from tilth.tasks._training import outputs
from tilth.train.numerics import Numerics
from tilth.train.streams import seeded
from tilth.wording import counted

CPU = torch.device("cpu")
Make = Callable[[Rows], Learner]


@dataclass(frozen=True)
class OutOfFold:
    """rows: [N] row ids, in order; probabilities: [N, K] of each class, by nets new to the row."""

    rows: IntArray
    probabilities: NDArray[np.float64]


def out_of_fold(
    data: Rows,
    make: Make,
    *,
    folds: int,
    seed: int,
    kept: Path,
    numerics: Numerics | None = None,
    say: Callable[[str], None] = print,
) -> OutOfFold:
    """Train ``folds`` nets and return what each says of the rows that it did not learn from.

    make: data of a fold -> a new Learner with its plan; numerics: those the run was trained by
    kept: folder in which each fold's answers are kept, so that asking again takes no training;
    what there is of other data or folds is written anew
    Raises UserError for fewer than two folds, and for data without classes.
    """
    if folds < 2:
        raise UserError(f"folds={folds}", rule="a row is judged by a net that had others to learn")
    if data.target.kind != "classes":
        raise UserError(f"label errors of {data.name}", rule="only classes are judged so")
    rows = np.sort(np.concatenate(list(data.splits.values())))
    dealt = fold_rows(data.content_ids(rows), data.targets[rows].tolist(), folds, seed)
    found = np.zeros((len(rows), len(data.target.labels)))
    for number, places in enumerate(dealt, 1):
        held, rest = rows[places], np.setdiff1d(rows, rows[places])
        # nothing is chosen by valid here: it names the rows that are answered
        part = data.with_splits({"train": rest, "valid": held, "calibrate": held[:0], "test": held})
        with seeded(fold(seed, "model", number), CPU):
            learner = make(part)
        made_by = _made_by(part, learner, folds, seed)
        path = kept / f"fold-{number}.safetensors"
        answers = _read(path, made_by, found[places].shape)
        if answers is None:
            say(f"  net {number} of {folds}: {_told(learner)}")
            answers = _answers(learner, numerics)
            content = save({"probabilities": answers}, metadata=made_by)
            files.replace_bytes(path, content)
        found[places] = answers
    return OutOfFold(rows, found)


def _answers(learner: Learner, numerics: Numerics | None) -> NDArray[np.float64]:
    """Return what a net says of its test rows once it is trained, in their order."""
    asked, stages = learner.settings, phases_of(learner)
    for phase, stage in enumerate(stages or [None]):
        if stage is not None:
            enter(learner, stage, asked, stages)
        plan = learner.plan if numerics is None else replace(learner.plan, numerics=numerics)
        learner.follow(plan)
        learner.loop(plan, phase).fit()
    said = outputs(learner.setup(learner.plan), "test")
    assert isinstance(learner.task, Predicting)
    order = np.argsort(said.rows.numpy())
    assert (said.rows.numpy()[order] == np.sort(as_rows(learner.data).splits["test"])).all()
    return np.asarray(learner.task.decode(said.outputs).values[order], dtype=np.float64)


def phases_of(learner: Learner) -> list[Stage]:
    """Return the phases of fine-tuning; none where the net is trained in one."""
    if learner.settings.freeze_epochs is None:
        return []
    return stages_of(learner, learner.plan, learner.plan.lr)


def _told(learner: Learner) -> str:
    count = len(as_rows(learner.data).splits["train"])
    epochs = sum(phase.epochs for phase in phases_of(learner)) or learner.plan.epochs
    return f"{counted(epochs, 'epoch', 'epochs')} of {count:,} rows"


def _made_by(part: Rows, learner: Learner, folds: int, seed: int) -> dict[str, str]:
    """Return what answers depend on, as text: data and how it is varied, fold, net and plan."""
    plan = learner.plan.to_config()
    chosen = [plan[name] for name in plan if name not in ("numerics", "reasons", "asked")]
    facts: dict[str, Any] = {
        "data": part.fingerprint(),
        "held": part.split_record("test")["sha256"],
        "net": learner.architecture,
        "begun from": learner.warm_start,
        "varied": getattr(part, "augment", None),
        "plan": chosen,
        "phases": phases_of(learner),
        "folds": [folds, seed],
    }
    return {name: repr(value) for name, value in facts.items()}


def _read(
    path: Path, made_by: dict[str, str], shape: tuple[int, ...]
) -> NDArray[np.float64] | None:
    """Return the answers that are kept, or None where there are none of these facts."""
    try:
        content = path.read_bytes()
        kept = load(content)["probabilities"]
    except (OSError, KeyError, SafetensorError):
        return None
    return kept if _metadata(content) == made_by and kept.shape == shape else None


def _metadata(content: bytes) -> dict[str, str]:
    import json

    length = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return found
