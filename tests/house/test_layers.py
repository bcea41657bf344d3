"""A room imports only rooms above it; nothing imports in a circle or by star."""

from __future__ import annotations

import ast

from tests.house.tree import ROOMS, cycles, imports, layer, modules


def test_every_file_stands_in_a_known_room():
    strangers = [m.where for m in modules() if layer(m.name) == -1]
    assert not strangers, f"these are in none of the rooms {ROOMS}: {strangers}"


def test_a_room_imports_only_rooms_above_it():
    wrong = []
    for found in imports():
        importer, imported = layer(found.importer), layer(found.imported)
        if importer is None or found.typing_only:
            continue
        if imported is None:
            wrong.append(f"{found.importer}:{found.line} imports tilth itself")
        elif imported > importer:
            wrong.append(f"{found.importer}:{found.line} imports {found.imported}")
    assert not wrong, "\n".join(wrong)


def test_no_import_cycles():
    assert not cycles(), cycles()


def test_the_training_room_knows_no_models_and_no_tasks():
    wrong = [
        f"{found.importer}:{found.line} imports {found.imported}"
        for found in imports()
        if found.importer.startswith("tilth.train")
        and found.imported.split(".")[1] in {"models", "tasks", "recipes", "objectives"}
    ]
    assert not wrong, "\n".join(wrong)


def test_the_training_room_names_no_model_and_no_task():
    """No identifier or text in train/ is the name of a file in models/, tasks/ or recipes/."""
    files = [m for m in modules() if m.name.split(".")[1:2] in (["models"], ["tasks"], ["recipes"])]
    names = {m.path.stem for m in files if not m.is_package} - {"task", "choose"}
    wrong = []
    for module in modules():
        if not module.name.startswith("tilth.train."):
            continue
        for node in ast.walk(module.tree):
            used = {
                ast.Name: lambda n: n.id,
                ast.Attribute: lambda n: n.attr,
                ast.Constant: lambda n: n.value,
            }.get(type(node), lambda n: None)(node)
            if isinstance(used, str) and used in names:
                wrong.append(f"{module.where}:{node.lineno} names {used}")
    assert not wrong, "\n".join(wrong)


def test_no_star_imports():
    wrong = [
        f"{module.where}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert not wrong, wrong


def test_the_reader_of_imports_sees_what_python_sees(tmp_path, monkeypatch):
    """Relative, nested, typing-only and package imports resolve; a planted circle is found."""
    from tests.house import tree

    files = {
        "src/tilth/__init__.py": "",
        "src/tilth/nn/__init__.py": "",
        "src/tilth/nn/a.py": "from . import b\nfrom tilth.errors import choose\n",
        "src/tilth/nn/b.py": "def f():\n    from tilth.nn.a import g\n",
        "src/tilth/nn/c.py": (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..cli import d\n"
        ),
        "src/tilth/errors.py": "",
        "src/tilth/cli/__init__.py": "",
        "src/tilth/cli/d.py": "import tilth.nn.c\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    monkeypatch.setattr(tree, "SOURCE", tmp_path / "src")
    tree.modules.cache_clear()
    tree.imports.cache_clear()
    try:
        found = {(i.importer, i.imported, i.typing_only) for i in tree.imports()}
        circles = tree.cycles()
    finally:
        tree.modules.cache_clear()
        tree.imports.cache_clear()
    assert found == {
        ("tilth.nn.a", "tilth.nn.b", False),
        ("tilth.nn.a", "tilth.errors", False),
        ("tilth.nn.b", "tilth.nn.a", False),
        ("tilth.nn.c", "tilth.cli.d", True),
        ("tilth.cli.d", "tilth.nn.c", False),
    }
    assert circles == [["tilth.nn.a", "tilth.nn.b"]]
