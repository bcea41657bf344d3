"""The numbers of the results page name the commit that made them, and it is there."""

from __future__ import annotations

import subprocess

import pytest

from tests.house.tree import ROOT


def rows() -> list[tuple[str, str]]:
    """Return what was measured and its commit, for every row of the Quality table."""
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    text = page.split("<!-- quality begin -->", 1)[1].split("<!-- quality end -->", 1)[0]
    lines = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")]
    assert lines[0][-1].strip() == "commit"
    return [(cells[0].strip(), cells[-1].strip()) for cells in lines[2:]]


def git(*words: str) -> int:
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True).returncode
    except OSError:
        return 1


def test_every_score_names_a_commit_of_the_history():
    if git("rev-parse", "--verify", "HEAD"):
        pytest.skip("this is no git checkout")
    if (ROOT / ".git" / "shallow").exists():
        pytest.skip("the history is cut short here")
    found = rows()
    assert len(found) >= 5
    strangers = [row for row in found if git("merge-base", "--is-ancestor", row[1], "HEAD")]
    assert not strangers, f"no commit of the history: {strangers}"
