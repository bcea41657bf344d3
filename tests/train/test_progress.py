"""The progress line: a moving one in a notebook, plain lines now and then elsewhere, or none."""

import io
import sys
import types

import pytest

from tests.stop_at import StopAt
from tests.train.job import make_loop
from tilth.train.loop import INTERRUPTED
from tilth.train.progress import Progress


@pytest.fixture
def shown(monkeypatch):
    """Be in a notebook without ipywidgets: return the lines that its cell showed."""
    python, module, lines = types.ModuleType("IPython"), types.ModuleType("IPython.display"), []

    class Handle:
        def update(self, content, *, raw):
            assert raw
            lines.append(content["text/plain"])

    def display(content, *, raw, display_id):
        assert raw and display_id
        lines.append(content["text/plain"])
        return Handle()

    module.display, python.display, python.get_ipython = display, module, lambda: "a shell"
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return lines


def test_a_notebook_gets_one_line_that_moves_and_goes(shown, capsys):
    progress = Progress("accuracy", 4)
    make_loop(8, [progress]).fit()
    assert progress.bar is None
    first, *moved, last = shown
    assert first == last == ""
    assert moved[-1].startswith(f"[{'=' * 20}]  epoch 2.0/2")
    assert capsys.readouterr().err.splitlines()[-1].startswith("epoch 2.0/2  train/loss ")


def test_a_bar_is_closed_where_training_fails(shown):
    class Fail(Progress):
        def after_step(self, loop):
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        make_loop(8, [Fail("accuracy", 4)]).fit()
    assert shown == ["", ""]


def test_quiet_shows_nothing_in_a_notebook(shown, capsys):
    make_loop(4, [Progress("accuracy", 4, quiet=True)]).fit()
    assert shown == [] and capsys.readouterr().err == ""


def test_elsewhere_there_are_plain_lines(monkeypatch):
    monkeypatch.setattr("tilth.train.progress.PLAIN_SECONDS", -1.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    make_loop(4, [Progress("accuracy", 2)]).fit()
    lines = sys.stderr.getvalue().splitlines()
    assert len(lines) == 5
    assert all(line.startswith("epoch ") for line in lines)
    assert lines[0].endswith(" s left")


def test_a_part_of_an_epoch_is_told_in_two_digits(capsys):
    make_loop(3, [Progress("accuracy", 7)]).fit()
    assert capsys.readouterr().err.startswith("epoch 0.4/0.43  train/loss ")


def test_a_fit_that_goes_on_says_where(capsys):
    first = make_loop(8, [Progress("accuracy", 5, quiet=True), StopAt(6, INTERRUPTED)])
    first.fit()
    for quiet, told in ((True, ""), (False, "goes on at step 6, epoch 1.2\n")):
        second = make_loop(8, [Progress("accuracy", 5, quiet=quiet), StopAt(-1)])
        second.load_state_dict(first.state_dict())
        second.fit()
        assert capsys.readouterr().err.startswith(told) and second.step == 8
    second.fit()  # it has ended: nothing goes on
    make_loop(2, [Progress("accuracy", 5)]).fit()
    assert "goes on" not in capsys.readouterr().err
