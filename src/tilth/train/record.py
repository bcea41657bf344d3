"""One line of metrics.jsonl after each look at valid."""

from __future__ import annotations

import time
import warnings
from typing import Any

from tilth.contracts import BaseHook, LoopView, State
from tilth.train.loop import INTERRUPTED, Loop
from tilth.train.run_folder import RunFolder


class Record(BaseHook):
    """Writes a line of metrics.jsonl where an epoch or the fit ends; place it after BestWeights.

    phase: which phase of the run the lines belong to; steps_per_epoch: updates between lines
    A full disk costs a warning, not the training: the line waits and is written with the next
    one, also where the run is killed and resumed in between.

    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = RunFolder.create(Path(tempfile.mkdtemp(), "first"), config={"seed": 0})
    >>> Record(folder, phase=0, steps_per_epoch=10).state_dict()["waiting"]
    []
    """

    def __init__(self, folder: RunFolder, *, phase: int, steps_per_epoch: int) -> None:
        self.folder, self.phase, self.steps_per_epoch = folder, phase, steps_per_epoch
        self.seconds, self._begun = 0.0, time.perf_counter()
        self._written = 0  # the step of the newest line
        self._waiting: list[dict[str, Any]] = []  # lines that a full disk did not take

    def on_start(self, loop: LoopView) -> None:
        """Start the clock."""
        self._begun = time.perf_counter() - self.seconds

    def after_step(self, loop: LoopView) -> None:
        """Write where an epoch ended."""
        if loop.rank == 0 and (
            loop.step % self.steps_per_epoch == 0 or loop.step == loop.total_steps
        ):
            self.write(loop)

    def write(self, loop: LoopView) -> None:
        """Write one line and begin new averages."""
        loop.flush()
        self._written = loop.step
        self.seconds = time.perf_counter() - self._begun
        assert isinstance(loop, Loop)
        groups = (player.optimizer.param_groups for player in loop.players.values())
        self._waiting.append(
            {
                "phase": self.phase,
                "step": loop.step,
                "epoch": loop.step / self.steps_per_epoch,
                "seconds": round(self.seconds, 3),
                "samples": loop.samples,
                "lr": max(group["lr"] for some in groups for group in some),
                **loop.metrics,
            }
        )
        self._pass_on()
        loop.new_window()

    def on_end(self, loop: LoopView) -> None:
        """Write where the fit ended inside an epoch, and what a full disk did not take before."""
        if loop.rank == 0 and loop.stop_reason != INTERRUPTED and self._written != loop.step:
            self.write(loop)
        self._pass_on()

    def _pass_on(self) -> None:
        try:
            while self._waiting:
                self.folder.append_metrics(self._waiting[0])
                del self._waiting[0]
        except OSError as error:
            warnings.warn(
                f"metrics.jsonl could not be written ({error}); training goes on, "
                "the line is written with the next one",
                stacklevel=2,
            )

    def state_dict(self) -> State:
        """Return the seconds spent so far, and the lines that still wait."""
        self.seconds = time.perf_counter() - self._begun
        waiting = [dict(line) for line in self._waiting]
        return {"seconds": self.seconds, "written": self._written, "waiting": waiting}

    def load_state_dict(self, state: State) -> None:
        """Take the clock back, and the waiting lines that were not written since."""
        self.seconds, self._written = state["seconds"], state["written"]
        written = {(line["phase"], line["step"]) for line in self.folder.metrics()}
        self._waiting = [
            dict(line) for line in state["waiting"] if (line["phase"], line["step"]) not in written
        ]
