"""One calm progress line on a terminal or in a notebook; a plain line now and then elsewhere."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

from tilth.contracts import BaseHook, LoopView

PLAIN_SECONDS = 10.0  # between lines where the output is not a terminal
WIDTH = 20  # characters of the bar


def in_notebook() -> bool:
    """Say whether this process answers a notebook's cells."""
    return "ipykernel" in sys.modules and bool(importlib.import_module("IPython").get_ipython())


class NotebookLine:
    """A line under a notebook's cell that is replaced in place.

    It needs nothing but IPython; rich's would need ipywidgets, and warn without them.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        display = importlib.import_module("IPython.display").display
        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def update(self, task: Any, *, completed: int, description: str) -> None:
        """Show words and how much is done."""
        bar = "=" * (WIDTH * completed // self.total)
        self.handle.update({"text/plain": f"[{bar:<{WIDTH}}]  {description}"}, raw=True)

    def stop(self) -> None:
        """Take the line away."""
        self.handle.update({"text/plain": ""}, raw=True)


class Progress(BaseHook):
    """Shows epoch, losses, the metric that decides and the time left, on stderr."""

    def __init__(self, metric: str, steps_per_epoch: int, *, quiet: bool = False) -> None:
        self.metric, self.steps_per_epoch, self.quiet = metric, steps_per_epoch, quiet
        self.bar: Any = None
        self.task: Any = None
        self.spoken = self.begun = 0.0
        self.first = 0

    def on_start(self, loop: LoopView) -> None:
        """Open the line; a fit that goes on says where."""
        self.begun = self.spoken = time.monotonic()
        self.first = loop.step
        if self.quiet or loop.rank != 0:
            return
        if loop.step and loop.stop_reason is None:
            where = f"step {loop.step}, epoch {loop.step / self.steps_per_epoch:.1f}"
            print(f"goes on at {where}", file=sys.stderr, flush=True)
        if in_notebook():
            self.bar = NotebookLine(loop.total_steps)
        elif sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self.bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(bar_width=WIDTH),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self.task = self.bar.add_task("training", total=loop.total_steps, completed=loop.step)
            self.bar.start()

    def after_step(self, loop: LoopView) -> None:
        """Move the line, or say one where it is time."""
        if self.quiet or loop.rank != 0:
            return
        now = time.monotonic()
        if self.bar is not None:
            if now - self.spoken > 0.2 or loop.step == loop.total_steps:
                self.spoken = now
                words = self.words(loop)
                self.bar.update(self.task, completed=loop.step, description=words)
        elif now - self.spoken > PLAIN_SECONDS:
            self.spoken = now
            left = (now - self.begun) / max(1, loop.step - self.first)
            left *= loop.total_steps - loop.step
            print(f"{self.words(loop)}  {left:.0f} s left", file=sys.stderr, flush=True)

    def words(self, loop: LoopView) -> str:
        """Return the state of the training in words."""
        epochs = round(loop.total_steps / self.steps_per_epoch, 2)
        parts = [f"epoch {loop.step / self.steps_per_epoch:.1f}/{epochs:g}"]
        for name in ("train/loss", "valid/loss", f"valid/{self.metric}"):
            if name in loop.metrics:
                parts.append(f"{name} {loop.metrics[name]:.4g}")
        return "  ".join(parts)

    def on_exit(self, loop: LoopView) -> None:
        """Close the line, and say where the training ended."""
        if not self.quiet and loop.rank == 0 and loop.step > self.first:
            print(self.words(loop), file=sys.stderr, flush=True)
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
