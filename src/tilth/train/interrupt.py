"""Ctrl-C and SIGTERM end a training run in order: after the step, with everything saved."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

from tilth.contracts import BaseHook, LoopView
from tilth.train.checkpoint import Checkpointer
from tilth.train.loop import INTERRUPTED
from tilth.train.parallel import AGREE_STEPS, agreed, rank_and_world

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NOTE = b"\nstopping after this step and saving; once more to exit at once\n"


class Interrupt(BaseHook):
    """The first SIGINT or SIGTERM saves and stops the loop ("interrupted"); the second exits.

    Place it after ``checkpointer``, last of the hooks. The handlers that were there act again
    after the fit and for the second signal (Ctrl-C then raises KeyboardInterrupt). Workers forked
    meanwhile let Ctrl-C pass and end on SIGTERM. Outside the main thread, where Python delivers
    no signals, it does nothing.

    >>> import tempfile
    >>> from pathlib import Path
    >>> Interrupt(Checkpointer(Path(tempfile.mkdtemp()))).asked
    False
    """

    def __init__(self, checkpointer: Checkpointer) -> None:
        self.checkpointer, self.asked = checkpointer, False
        self._previous: dict[signal.Signals, Any] = {}
        self._process, self._world = os.getpid(), 1

    def on_start(self, loop: LoopView) -> None:
        """Take the signals over."""
        self.asked, self._process = False, os.getpid()
        _, self._world = rank_and_world()
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._hear) for number in SIGNALS}

    def after_step(self, loop: LoopView) -> None:
        """Save and stop where a signal came."""
        if self._agreed(loop) and loop.stop_reason is None:
            if self.checkpointer.saved != loop.step:
                self.checkpointer.save(loop)
            loop.stop(INTERRUPTED)

    def on_end(self, loop: LoopView) -> None:
        """Say so where the signal came after the last step: more work may follow the fit."""
        if agreed(self.asked, loop.device):
            loop.stop(INTERRUPTED)

    def on_exit(self, loop: LoopView) -> None:
        """Give the signals back."""
        self._give_back()

    def _agreed(self, loop: LoopView) -> bool:
        if self._world == 1:
            return self.asked
        return loop.step % AGREE_STEPS == 0 and agreed(self.asked, loop.device)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process and number == signal.SIGINT:
            return  # Ctrl-C reaches a forked worker too; its parent will end it, after saving
        if os.getpid() == self._process and not self.asked:
            self.asked = True
            os.write(2, _NOTE)  # print may not be entered twice, and a signal may come inside one
            return
        self._give_back()
        signal.raise_signal(number)

    def _give_back(self) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            # None: it was not installed from Python and cannot be put back from here
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
