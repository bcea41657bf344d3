"""What the house rules are read from: the package's files, parsed."""

from __future__ import annotations

import ast
import io
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"

ROOMS = (
    "nn",
    "decode",
    "models",
    "data",
    "train",
    "objectives",
    "tasks",
    "audit",
    "ship",
    "scale",
    "recipes",
    "flow",
    "cli",
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def where(self) -> str:
        """The path inside the project."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def name(self) -> str:
        """The dotted name that imports it."""
        parts = list(self.path.relative_to(SOURCE).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    @cached_property
    def code_lines(self) -> frozenset[int]:
        """The numbers of the lines that hold code: not blank, not a comment, not a docstring."""
        found: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in _LAYOUT:
                found.update(range(token.start[0], token.end[0] + 1))
        for node in ast.walk(self.tree):
            found -= set(docstring_lines(node))
        return frozenset(found)

    def code_in(self, node: Function) -> int:
        """Count the code lines of one function, its decorators aside."""
        assert node.end_lineno is not None
        return len(self.code_lines & set(range(node.lineno, node.end_lineno + 1)))


def docstring_lines(node: ast.AST) -> range:
    """Return the line numbers of a node's docstring."""
    if not isinstance(node, DOCUMENTED) or ast.get_docstring(node) is None:
        return range(0)
    text = node.body[0]
    assert text.end_lineno is not None
    return range(text.lineno, text.end_lineno + 1)


def function_size(node: Function) -> int:
    """Count the lines of a function without its decorators and docstring."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1 - len(docstring_lines(node))


@cache
def modules() -> tuple[Module, ...]:
    """Return every file of the package."""
    return tuple(Module(path) for path in sorted((SOURCE / "tilth").rglob("*.py")))


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return every file that git keeps, or every file where this is no checkout."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if ".venv" not in str(p)]
    return tuple(path for name in listed if name and (path := ROOT / name).is_file())


@dataclass(frozen=True)
class Import:
    """One import of a tilth module by another; ``typing_only`` where it never runs."""

    importer: str
    imported: str
    line: int
    typing_only: bool


def _targets(node: ast.AST, module: Module, known: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            here = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
            kept = here[: len(here) - node.level + 1]
            base = ".".join([*kept, *([node.module] if node.module else [])])
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if inner in known else base


def _typing_nodes(tree: ast.Module) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            found.update(id(child) for branch in node.body for child in ast.walk(branch))
    return found


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of tilth by tilth, those inside functions included."""
    known = {module.name for module in modules()}
    found = []
    for module in modules():
        typing_only = _typing_nodes(module.tree)
        for node in ast.walk(module.tree):
            for target in _targets(node, module, known):
                if target == "tilth" or target.startswith("tilth."):
                    line = node.lineno  # type: ignore[attr-defined]
                    found.append(Import(module.name, target, line, id(node) in typing_only))
    return tuple(found)


def layer(name: str) -> int | None:
    """Return how deep a module stands: None for tilth, 0 for leaves, 1 for the first room.

    A leaf is a file beside the rooms; a folder that is no room is -1. ``python -m tilth`` is
    outside all, as tilth itself is.
    """
    parts = name.split(".")
    if len(parts) == 1 or parts[1] == "__main__":
        return None
    if parts[1] in ROOMS:
        return ROOMS.index(parts[1]) + 1
    return 0 if (SOURCE / "tilth" / f"{parts[1]}.py").is_file() else -1


def cycles() -> list[list[str]]:
    """Return every group of modules that import each other."""
    graph: dict[str, set[str]] = {module.name: set() for module in modules()}
    for found in imports():
        if not found.typing_only and found.imported in graph:
            graph[found.importer].add(found.imported)
    reach = {name: _reachable(graph, name) for name in graph}
    circular = [name for name in sorted(graph) if name in reach[name]]
    groups = {tuple(o for o in circular if o in reach[n] and n in reach[o]) for n in circular}
    return [list(group) for group in sorted(groups)]


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += graph[node]
    return found
