"""Print the sizes that the house keeps small: python -m tests.house.report."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from tests.house.tree import SOURCE, Function, Module, cycles, function_size, modules

LOOP = "tilth.train.loop"
LOOP_FUNCTIONS = ("fit", "_advance", "_update", "_gradient")
LOOP_LIMIT = 100
STEP_LIMIT = 400
STEP_OUTSIDE = ("models", "nn", "objectives", "data")  # models, objectives and sources


@dataclass(frozen=True)
class LoopSize:
    """Code lines (not blank, no comment, no docstring) of the functions that are the loop."""

    functions: dict[str, int]

    @property
    def lines(self) -> int:
        return sum(self.functions.values())


def loop_size() -> LoopSize:
    """Count the code lines of fit and of the step."""
    (module,) = [m for m in modules() if m.name == LOOP]
    found = {f.name: module.code_in(f) for f in module.functions() if f.name in LOOP_FUNCTIONS}
    assert set(found) == set(LOOP_FUNCTIONS), f"the loop's functions are now {sorted(found)}"
    return LoopSize(found)


def functions_run_in_a_step(fit: Callable[[], object]) -> dict[str, int]:
    """Return function -> code lines of all that ran in ``fit`` between two optimizer steps.

    Every step of the fit counts. Functions of models, objectives and sources are left out.
    """
    import torch

    seen: set[CodeType] = set()
    kept: set[CodeType] = set()
    steps = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal steps
        if event != "call":
            return
        code = frame.f_code
        if code is stepped:
            steps += 1
            if steps > 1:
                kept.update(seen)
            seen.clear()
        elif code.co_filename.startswith(str(SOURCE)):
            seen.add(code)

    stepped = _step_code(torch.optim.Optimizer)
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        fit()
    finally:
        sys.setprofile(before)
    assert steps > 1, "the fit made fewer than two optimizer steps"
    return _lines_of(kept)


def _step_code(optimizer: Any) -> CodeType:
    """Return the code that runs once at every optimizer's step: torch wraps ``step`` in it."""
    return optimizer.profile_hook_step(lambda self: None).__code__


def _lines_of(codes: set[CodeType]) -> dict[str, int]:
    """Count the code lines of functions; lambdas and comprehensions by their own lines."""
    by_file = {str(module.path): module for module in modules()}
    lines: dict[str, set[int]] = {}
    for code in codes:
        module = by_file[code.co_filename]
        function = _innermost(module, code.co_firstlineno)
        if function is None or module.name.split(".")[1] in STEP_OUTSIDE:
            continue
        if code.co_name.startswith("<"):
            own = {line for _, _, line in code.co_lines() if line}
        else:
            own = set(range(function.lineno, (function.end_lineno or 0) + 1))
        lines.setdefault(f"{module.where} {function.name}", set()).update(own & module.code_lines)
    return {name: len(found) for name, found in lines.items()}


def _innermost(module: Module, line: int) -> Function | None:
    """Return the innermost function whose lines hold ``line``, decorators included."""
    found = None
    for function in module.functions():  # outer ones come first
        first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
        if first <= line <= (function.end_lineno or 0):
            found = function
    return found


def example_fit() -> Callable[[], object]:
    """Return the default fit of a small table, ready to run: one epoch, every default hook."""
    import numpy as np

    import tilth as tl

    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(600, 4)).astype(np.float32)
    data = tl.arrays(inputs, (inputs[:, 0] > 0).astype(np.int64))
    # a checkpoint that falls due on a slow machine would count as part of a step
    learn = tl.Learner(data, batch_size=16, checkpoint_seconds=1e9)
    return lambda: learn.fit(2, lr=0.01)


def main() -> None:
    files = sorted(modules(), key=lambda m: -m.lines)
    sizes = sorted(
        (
            (function_size(f), f"{m.where}:{f.lineno} {f.name}")
            for m in files
            for f in m.functions()
        ),
        reverse=True,
    )
    lines = [m.lines for m in files]
    over = sum(size > 40 for size, _ in sizes)
    print(f"files      {len(files)}, {sum(lines)} lines, median {statistics.median(lines):g}")
    print("longest    " + ", ".join(f"{m.where} {m.lines}" for m in files[:3]))
    median = statistics.median(size for size, _ in sizes)
    print(f"functions  {len(sizes)}, median {median:g} lines, {over / len(sizes):.1%} over 40")
    print("longest    " + ", ".join(f"{name} {size}" for size, name in sizes[:3]))
    loop = loop_size()
    parts = " + ".join(f"{name} {size}" for name, size in loop.functions.items())
    print(f"loop       {loop.lines} code lines ({parts}), limit {LOOP_LIMIT}")
    step = functions_run_in_a_step(example_fit())
    print(f"step       {sum(step.values())} code lines in {len(step)} functions between two")
    print(f"           optimizer steps outside models, objectives and sources, limit {STEP_LIMIT}")
    print("           (ends of epochs included, a checkpoint that falls due not)")
    for name, size in sorted(step.items(), key=lambda item: -item[1]):
        print(f"           {size:4d} {name}")
    print(f"cycles     {len(cycles())}")


if __name__ == "__main__":
    main()
