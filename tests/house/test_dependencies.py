"""What the package imports it declares, and what stands beside the rooms is used by them."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

from tests.house.tree import ROOT, SOURCE, modules

DISTRIBUTION = {"PIL": "pillow", "sklearn": "scikit-learn"}


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
    # torchvision is there for timm, and the pair must match torch; see pyproject.toml
    assert declared - {"torchvision"} == imported()


def test_every_public_function_of_a_leaf_is_used():
    leaves = [module for module in modules() if module.path.parent == SOURCE / "tilth"]
    dead = []
    for leaf in leaves:
        for node in leaf.tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            word = re.compile(rf"\b{node.name}\b")
            elsewhere = any(word.search(m.text) for m in modules() if m is not leaf)
            body = "".join(ast.unparse(other) for other in leaf.tree.body if other is not node)
            if not elsewhere and not word.search(body):
                dead.append(f"{leaf.where}:{node.lineno} {node.name}")
    assert not dead, dead
