"""Writes one API page per room from the files that are there: the folder is the list."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

ROOMS = {
    "nn": "building blocks",
    "decode": "from outputs to answers",
    "models": "whole networks, one file per family",
    "data": "readers, splits, findings, transforms, batches",
    "train": "the one loop, checkpoints, schedules, the run folder",
    "objectives": "what is computed on a batch",
    "tasks": "kinds of problems: metrics and decoding",
    "audit": "intervals, baselines, calibration, the report",
    "ship": "bundle and predictor",
    "scale": "many machines, tuning",
    "recipes": "known results",
    "flow": "the short flow that people call",
    "cli": "the command line, one file per verb",
}


def write_api_pages(source: Path, target: Path) -> None:
    """Write target/*.md for the package in ``source``; a page that did not change is left alone."""
    target.mkdir(exist_ok=True)
    package = source / "tilth"
    pages = {"leaves": _page("leaves", "what every room may use", package.glob("*.py"), source)}
    for room, what in ROOMS.items():
        files = sorted((package / room).glob("*.py"))
        if any(path.name != "__init__.py" for path in files):
            pages[room] = _page(room, what, files, source)
    listed = "\n".join(reversed(pages))
    pages["index"] = (
        "# API\n\nEvery public name, by room. A room uses only the rooms below it in this list.\n\n"
        f"```{{toctree}}\n:maxdepth: 2\n\n{listed}\n```\n"
    )
    pages["verbs"] = verbs_page()
    for stale in {path.stem for path in target.glob("*.md")} - set(pages):
        (target / f"{stale}.md").unlink()
    for name, text in pages.items():
        path = target / f"{name}.md"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def verbs_page() -> str:
    """Return what every verb of the command line says about itself."""
    from click import Context

    from tilth.cli.main import tilth_command

    top = Context(tilth_command, info_name="tilth", max_content_width=80)
    parts = ["# Every verb", f"```text\n{tilth_command.get_help(top)}\n```"]
    for name in tilth_command.list_commands(top):
        verb = tilth_command.get_command(top, name)
        context = Context(verb, parent=top, info_name=name, max_content_width=80)
        parts += [f"## tilth {name}", f"```text\n{verb.get_help(context)}\n```"]
    return "\n\n".join(parts) + "\n"


def _page(room: str, what: str, files: Iterable[Path], source: Path) -> str:
    parts = [f"# {room}", f"{what[0].upper()}{what[1:]}."]
    for path in sorted(files):
        module = ".".join(path.relative_to(source).with_suffix("").parts)
        if path.name != "__init__.py" and has_public_names(path):
            parts += [f"## {path.stem}", f"```{{eval-rst}}\n.. automodule:: {module}\n```"]
    return "\n\n".join(parts) + "\n"


def has_public_names(path: Path) -> bool:
    """Say whether a file defines anything whose name does not start with an underscore."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    named = (ast.FunctionDef, ast.ClassDef)
    return any(isinstance(node, named) and not node.name.startswith("_") for node in body)
