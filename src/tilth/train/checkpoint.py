"""Checkpoints: a training state on the disk that is complete or not there.

``folder/step-00001200/`` holds ``state.safetensors`` (the tensors), ``state.json`` (all else) and
``manifest.json`` (SHA-256 of both). An older checkpoint goes only after a newer one is committed.
"""

from __future__ import annotations

import json
import re
import time
import warnings
from pathlib import Path

from safetensors.torch import load as load_tensors
from safetensors.torch import save as tensor_bytes

from tilth import files
from tilth.aside import recover, remove
from tilth.contracts import BaseHook, LoopView, State
from tilth.errors import TilthError, UserError
from tilth.train.loop import INTERRUPTED
from tilth.train.parallel import AGREE_STEPS, agreed, rank_and_world
from tilth.train.state import pack, unpack

FORMAT = 2
TENSORS, REST = "state.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{8,})")
MOST_OF_TIME = 0.05  # saving takes at most this share of the training time, however slow the disk


def save(folder: Path, step: int, state: State, *, keep: int = 2) -> Path:
    """Commit ``state`` as ``folder/step-<step>`` and return that path; keep the ``keep`` newest.

    A checkpoint of the same step is replaced. Those of later steps are removed with the surplus:
    the run that wrote them was taken up again from an earlier step.
    Raises OSError (and leaves what was there) where the disk fails, UserError for a state that
    cannot be written.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> save(folder, 1200, {"best": 0.5}).name
    'step-00001200'
    >>> latest(folder)
    (1200, {'best': 0.5})
    """
    _check_keep(keep)
    folder = Path(folder)
    tensors, skeleton = pack(state)
    rest = json.dumps({"format": FORMAT, "step": step, "state": skeleton}, allow_nan=False)

    def write(aside: Path) -> None:
        files.write_bytes(aside / TENSORS, tensor_bytes(tensors))
        files.write_bytes(aside / REST, rest.encode())

    path = folder / f"step-{step:08d}"
    files.commit_folder(path, write, overwrite=True)
    recover(folder)
    prune(folder, step, keep)
    return path


def prune(folder: Path, step: int, keep: int) -> None:
    """Remove all but ``keep`` checkpoints: that of ``step`` and the newest before it stay."""
    _check_keep(keep)
    found = steps(folder)
    kept = [number for number in found if number <= step][:keep]
    for number in found:
        if number not in kept:
            remove(_path(folder, number))


def steps(folder: Path) -> list[int]:
    """Return the steps that ``folder`` has checkpoints of, newest first; [] without a folder."""
    if not folder.is_dir():
        return []
    matches = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted((int(match[1]) for match in matches if match), reverse=True)


def latest(folder: Path) -> tuple[int, State] | None:
    """Return (step, state) of the newest sound checkpoint; None where there is no checkpoint.

    A damaged one is passed over with a warning that names the file.
    Raises TilthError where every checkpoint is damaged (training again from the start is for the
    user to decide), UserError for one that a newer version wrote.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return None
    recover(folder)
    damage = []
    for step in steps(folder):
        path = _path(folder, step)
        problems = problems_of(path)
        if not problems:
            return step, _read(path)
        damage.append(f"{path.name}/{problems[0]}")
        warnings.warn(
            f"damaged checkpoint {path / problems[0]}; the one before it is used", stacklevel=2
        )
    if damage:
        raise TilthError(
            f"every checkpoint in {folder} is damaged: {'; '.join(damage)}",
            fix="look at the disk; remove the folder to train from the start",
        )
    return None


def problems_of(path: Path) -> list[str]:
    """Return what is wrong with one checkpoint, each naming a file; [] for a sound one."""
    problems = files.verify(path)
    if problems:
        return problems
    missing = {TENSORS, REST} - set(files.read_manifest(path))
    return [f"{files.MANIFEST}: {name} is not listed" for name in sorted(missing)]


def _read(path: Path) -> State:
    rest = json.loads((path / REST).read_bytes())
    if rest["format"] != FORMAT:
        raise UserError(
            f"{path} is of checkpoint format {rest['format']}",
            rule=f"this version reads format {FORMAT}",
            fix="resume with the version of tilth that wrote it",
        )
    state: State = unpack(load_tensors((path / TENSORS).read_bytes()), rest["state"])
    return state


def _path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}"


def _check_keep(keep: int) -> None:
    if keep < 1:
        raise UserError(f"keep={keep}", rule="at least one checkpoint is kept")


class Checkpointer(BaseHook):
    """Saves the loop's state while it trains, and at its end; place it after all other hooks.

    every_seconds: at most this time is lost by a crash; None switches the clock off
    every_steps: also save after every so many steps
    keep: how many checkpoints stay
    The first rank saves what all ranks give it, at a step they agree on. A disk that is full or
    fails costs a warning, not the training: the checkpoint before stays, the next save tries again.

    >>> import tempfile
    >>> Checkpointer(Path(tempfile.mkdtemp()), every_steps=100).saved is None
    True
    """

    def __init__(
        self,
        folder: Path,
        every_seconds: float | None = 30.0,
        every_steps: int | None = None,
        keep: int = 2,
    ) -> None:
        _check_keep(keep)
        if every_steps is not None and every_steps < 1:
            raise UserError(f"every_steps={every_steps}", rule="a whole number from 1, or None")
        if every_seconds is not None and not every_seconds >= 0:
            raise UserError(f"every_seconds={every_seconds}", rule="a number from 0, or None")
        self.folder, self.keep = Path(folder), keep
        self.every_seconds, self.every_steps = every_seconds, every_steps
        self.saved: int | None = None  # the step of the newest checkpoint
        self._due, self._world = float("inf"), 1

    def on_start(self, loop: LoopView) -> None:
        """Start the clock.

        Raises UserError where the folder is ahead of the loop, or the state cannot be written:
        better now than after the first half minute.
        """
        ahead = [step for step in steps(self.folder) if step > loop.step]
        sound = [step for step in ahead if not problems_of(_path(self.folder, step))]
        if sound:
            raise UserError(
                f"{self.folder} holds a checkpoint of step {sound[0]}, training is at {loop.step}",
                rule="a run goes on from its newest checkpoint, or begins in a new folder",
                fix="resume the run, or choose another folder",
            )
        pack(loop.state_dict())
        self.saved, self._world = None, rank_and_world()[1]
        self._wait(0.0)

    def after_step(self, loop: LoopView) -> None:
        """Save where it is due, but not after the last step: that is for ``on_end``.

        A state saved between the word to stop and the end would, when resumed, train on.
        """
        by_steps = self.every_steps is not None and loop.step % self.every_steps == 0
        if (by_steps or self._time_is_up(loop)) and loop.stop_reason is None:
            self.save(loop)

    def _time_is_up(self, loop: LoopView) -> bool:
        if self._world == 1:
            return time.monotonic() >= self._due
        if self.every_seconds is None or loop.step % AGREE_STEPS:
            return False
        return agreed(time.monotonic() >= self._due, loop.device)

    def on_end(self, loop: LoopView) -> None:
        """Save the last state, unless an interrupt saved it as one to go on from."""
        if loop.stop_reason != INTERRUPTED or self.saved != loop.step:
            self.save(loop)

    def save(self, loop: LoopView) -> bool:
        """Save now; return whether it worked, with a warning where the disk did not let it.

        With several ranks each must call it.
        """
        begun = time.monotonic()
        state = loop.state_dict()
        worked = agreed(loop.rank == 0 and self._write(loop, state), loop.device)
        if worked:
            self.saved = loop.step
        self._wait(time.monotonic() - begun)
        return worked

    def _write(self, loop: LoopView, state: State) -> bool:
        try:
            save(self.folder, loop.step, state, keep=self.keep)
        except OSError as error:
            last = "none yet" if self.saved is None else f"of step {self.saved}"
            warnings.warn(
                f"the checkpoint of step {loop.step} could not be written ({error}); "
                f"training goes on, the last good checkpoint is {last}",
                stacklevel=2,
            )
            return False
        return True

    def _wait(self, seconds_taken: float) -> None:
        if self.every_seconds is not None:
            pause = max(self.every_seconds, seconds_taken / MOST_OF_TIME)
            self._due = time.monotonic() + pause
