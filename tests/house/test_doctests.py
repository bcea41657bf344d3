"""The examples in docstrings run; public names have docstrings, and those people call examples."""

from __future__ import annotations

import ast
import doctest
import importlib
from collections.abc import Iterator

import pytest

from tests.house.tree import DOCUMENTED, Module, modules

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# rooms whose files are each one thing that people pick by name
SHELVES = ("models", "objectives")


def with_examples() -> list[Module]:
    return [module for module in modules() if ">>>" in module.text]


@pytest.mark.parametrize("module", with_examples(), ids=lambda m: m.name)
def test_examples_run(module: Module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(module.name), optionflags=FLAGS)
    assert result.attempted > 0, "the examples are in no public docstring"
    assert result.failed == 0


def public_nodes(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in body:
        if isinstance(node, DOCUMENTED) and not isinstance(node, ast.Module):
            if node.name.startswith("_"):
                continue
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_nodes(node.body, f"{prefix}{node.name}.")


def test_public_names_have_docstrings():
    missing = [
        f"{module.where}:{node.lineno} {name}"
        for module in modules()
        for name, node in public_nodes(module.tree.body)
        if not ast.get_docstring(node)
    ]
    missing += [m.where for m in modules() if not m.is_package and not ast.get_docstring(m.tree)]
    assert not missing, "\n".join(missing)


def test_what_people_call_first_has_an_example():
    import tilth

    names = [name for name in tilth.__all__ if callable(getattr(tilth, name))]
    missing = [name for name in names if ">>>" not in (getattr(tilth, name).__doc__ or "")]
    assert not missing, missing


def test_what_people_pick_by_name_has_an_example():
    missing = [
        module.where
        for module in modules()
        if module.name.split(".")[1:2] and module.name.split(".")[1] in SHELVES
        if not module.is_package and ">>>" not in module.text
    ]
    assert not missing, missing
