"""What the package imports it declares, and what stands beside the rooms is used by them."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

from tests.house.tree import ROOT, SOURCE, modules

DISTRIBUTION = {
    "PIL": "pillow",
    "ale_py": "ale-py",
    "huggingface_hub": "huggingface-hub",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
}
EXTRAS = ("worlds", "atari", "umap")  # imported inside functions


def imported() -> set[str]:
    """Return the distributions that the package's files import."""
    found = set()
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return {DISTRIBUTION.get(n, n) for n in found - {"tilth", *sys.stdlib_module_names}}


def test_everything_that_is_imported_is_declared_and_the_other_way_round():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    extras = project["optional-dependencies"]
    lines = [line for extra in EXTRAS for line in extras[extra]]
    optional = {re.match(r"[\w-]+", line)[0] for line in lines}
    assert declared | optional == imported()
    assert not declared & optional and set(lines) <= set(extras["dev"])


def test_what_an_extra_brings_is_imported_inside_functions():
    outside = [
        f"{module.where}:{node.lineno}"
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and {"gymnasium", "ale_py", "umap"} & {part.partition(".")[0] for part in named(node)}
    ]
    assert not outside, outside


def named(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def used_names(tree: ast.AST) -> set[str]:
    """Return every name that code imports, reads or looks up in something."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
    return found


def test_every_public_function_of_a_leaf_is_used():
    """By another file that imports it, or by code of its own beside it."""
    known = {module.where: used_names(module.tree) for module in modules()}
    dead = []
    for leaf in (module for module in modules() if module.path.parent == SOURCE / "tilth"):
        dotted = f"tilth.{leaf.path.stem}"
        near = [module for module in modules() if module is not leaf and dotted_in(module, dotted)]
        for node in leaf.tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            rest = [used_names(other) for other in leaf.tree.body if other is not node]
            if not any(node.name in names for names in [*rest, *(known[m.where] for m in near)]):
                dead.append(f"{leaf.where}:{node.lineno} {node.name}")
    assert not dead, dead


def dotted_in(module, dotted: str) -> bool:
    """Say whether a file imports a leaf, or something from it."""
    room, _, name = dotted.rpartition(".")
    return any(
        (isinstance(node, ast.Import) and dotted in {alias.name for alias in node.names})
        or (
            isinstance(node, ast.ImportFrom)
            and (node.module == dotted or (node.module == room and name in used_names(node)))
        )
        for node in ast.walk(module.tree)
    )
