"""Training that is killed with SIGKILL and resumed ends with the weights of one that is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench import cells, environment, kill, kill_job, kill_process


@pytest.fixture
def here(tmp_path, monkeypatch):
    """One commit and machine for every cell, and a page of the test's own."""
    monkeypatch.setattr(environment, "commit", lambda: "abc")
    monkeypatch.setattr(environment, "versions", lambda kind: {"torch": "2", "python": "3"})
    return ["--cells", str(tmp_path / "cells.jsonl"), "--page", str(tmp_path / "page.md")]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_training_resumes_to_the_same_bits_and_the_verb_goes_on(tmp_path, here, capsys):
    assert kill.main(["--quick", "--jobs", "memory", "--kills", "0", *here]) == 0
    assert kill.main(["--quick", "--jobs", "memory", "--kills", "2", *here]) == 0
    found = cells.read(tmp_path / "cells.jsonl")
    assert [(cell["arm"], cell["repeat"]) for cell in found] == [("memory", n) for n in range(3)]
    # the weights of a training in this process, which nobody killed
    expected = kill_job.main(tmp_path / "whole", "memory", 1)
    assert {cell["result"]["sha256"] for cell in found} == {expected}
    begun = found[0]["result"]["begun"]
    assert all(cell["result"]["moment"] > begun > 0 for cell in found[1:])
    row = "| in memory, 0 workers, {:.1f} s | 2 | 2 |".format(found[0]["result"]["seconds"])
    assert row in capsys.readouterr().out


def test_a_process_that_has_ended_started_nothing():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert kill_process.descendants(ended.pid) == []


@pytest.mark.parametrize(
    ("sha256", "orphans", "code"), [("a", 0, 0), ("b", 0, 1), ("Traceback", 0, 1), ("a", 1, 1)]
)
def test_other_weights_or_a_process_left_behind_fail(tmp_path, here, sha256, orphans, code):
    killed = {"sha256": sha256, "moment": 1.0, "in_save": 0, "resumed_at": 3, "orphans": orphans}
    for repeat, result in enumerate(({"sha256": "a", "begun": 1.0, "seconds": 2.0}, killed)):
        cell = {**kill.frame(quick=False), "arm": "files", "repeat": repeat, "at": "2026-01-01"}
        cells.append(tmp_path / "cells.jsonl", {**cell, "result": result})
    assert kill.main(["--jobs", "files", "--kills", "1", *here]) == code
    equal = int(sha256 == "a")
    assert (
        f"| 1 | {equal} | 0 | 3 to 3, median 3 | {orphans} |" in (tmp_path / "page.md").read_text()
    )


def test_the_page_has_a_place_for_the_table():
    page = environment.PAGE.read_text()
    assert page.index("## Trust") < page.index("<!-- bench:kill begin -->")
