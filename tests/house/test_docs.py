"""What the pages say is so: their code runs, their tables list what is there.

A fence marked ``python run`` or ``bash run`` is run. The fences of one page run in order, in one
empty folder; the Python ones share their names.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house.tree import ROOT, modules
from tilth.registry import names

FENCE = re.compile(r"^```(python|bash) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@dataclass(frozen=True)
class Block:
    """One fence to run; ``line`` is where its code begins."""

    language: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[1], match[2], text[: match.start(2)].count("\n") + 1)
        for match in FENCE.finditer(text)
    ]


def run_bash(block: Block, page: Path, folder: Path) -> None:
    bin_folder = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", block.code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    said = f"{result.stdout}\n{result.stderr}"
    assert result.returncode == 0, f"{page.name}:{block.line} exits {result.returncode}\n{said}"


PAGES_THAT_RUN = [page for page in PAGES if blocks(page)]


@pytest.mark.parametrize("page", PAGES_THAT_RUN, ids=lambda p: p.name)
def test_code_of_the_page_runs(page: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shared: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "bash":
            run_bash(block, page, tmp_path)
        else:
            # the empty lines make a traceback name the page's own line
            code = "\n" * (block.line - 1) + block.code
            exec(compile(code, str(page), "exec"), shared)


def test_the_fences_are_found(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("a\n```python run\nx = 1\n```\n```python\nno\n```\n```bash run\ntrue\n```\n")
    assert blocks(page) == [Block("python", "x = 1\n", 3), Block("bash", "true\n", 9)]


@pytest.mark.parametrize("room", ["models", "objectives", "tasks"])
def test_every_file_of_a_shelf_has_its_row(room: str):
    """docs/shelf.md has one row per file and no row without a file."""
    text = (ROOT / "docs" / "shelf.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {room.capitalize()}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(rows) == names(f"tilth.{room}")


def codes_of(node: ast.expr, module: ast.Module) -> set[str]:
    """Return a code as the page writes it: what a part of it stands for is a star.

    A code that is a name is looked up in the dictionary that a loop takes it from.
    """
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.JoinedStr):
        parts = [str(p.value) if isinstance(p, ast.Constant) else "*" for p in node.values]
        return {"".join(parts)}
    assert isinstance(node, ast.Name), f"a finding's code is no text: {ast.unparse(node)}"
    loops = re.findall(rf"for {node.id}, .*? in (\w+)\.items\(\):", ast.unparse(module))
    assert len(loops) == 1, f"where does {node.id} come from?"
    return {
        str(key.value)
        for assigned in ast.walk(module)
        if isinstance(assigned, ast.Assign) and isinstance(assigned.value, ast.Dict)
        if ast.unparse(assigned.targets[0]) == loops[0]
        for key in assigned.value.keys
        if isinstance(key, ast.Constant)
    }


def finding_codes() -> set[str]:
    """Return the codes of all findings that the package can make."""
    codes = set()
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                given = [*node.args, *(k.value for k in node.keywords if k.arg == "code")]
                codes |= codes_of(given[0], module.tree)
    return codes


def test_every_finding_is_explained():
    text = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([\w*]+)` \|", text, re.MULTILINE))
    made = finding_codes()
    assert len(made) > 20
    assert explained == made


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" in target or target.startswith("api/"):
                continue  # the API pages are written by the build
            if not (page.parent / target).exists():
                broken.append(f"{page.name} -> {target}")
    assert not broken, broken
