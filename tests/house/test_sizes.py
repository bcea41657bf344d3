"""Files and functions stay small; the loop stays smaller."""

from __future__ import annotations

from tests.house.report import (
    LOOP_LIMIT,
    STEP_LIMIT,
    example_fit,
    functions_run_in_a_step,
    loop_size,
)
from tests.house.tree import function_size, modules

FILE_LIMIT = 500
FUNCTION_LIMIT = 80


def test_no_file_is_over_the_limit():
    long = {m.where: m.lines for m in modules() if m.lines > FILE_LIMIT}
    assert not long, long


def test_most_files_are_small():
    sizes = sorted(m.lines for m in modules())
    assert sizes[len(sizes) // 2] < 200, f"the median file has {sizes[len(sizes) // 2]} lines"


def test_no_function_is_over_the_limit():
    long = {
        f"{m.where}:{f.lineno} {f.name}": function_size(f)
        for m in modules()
        for f in m.functions()
        if function_size(f) > FUNCTION_LIMIT
    }
    assert not long, long


def test_most_functions_are_small():
    sizes = [function_size(f) for m in modules() for f in m.functions()]
    share = sum(size > 40 for size in sizes) / len(sizes)
    assert share < 0.05, f"{share:.1%} of functions are over 40 lines"


def test_the_loop_is_small():
    size = loop_size()
    assert size.lines < LOOP_LIMIT, size


def test_little_runs_between_two_optimizer_steps(tmp_path, monkeypatch):
    """All default hooks on, every step of a fit counted, ends of epochs included."""
    monkeypatch.chdir(tmp_path)
    lines = functions_run_in_a_step(example_fit())
    assert sum(lines.values()) < STEP_LIMIT, lines
    assert any(name.endswith(" _advance") for name in lines), "the loop itself was not seen"
