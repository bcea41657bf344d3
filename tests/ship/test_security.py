"""Bundles made to do harm: opening them never runs what they bring."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from tests.house.tree import SOURCE, modules
from tests.ship.made import bundle, pictures, table_bundle
from tests.ship.test_open_bundle import edit, seal
from tilth import files
from tilth.errors import UserError
from tilth.ship.predictor import load


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return bundle(tmp_path_factory.mktemp("bundles") / "sound")


@pytest.fixture
def folder(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "model")


@pytest.fixture
def canary(tmp_path):
    """A file that exists as soon as anything of a bundle has run."""
    return tmp_path / "canary"


class Touch:
    """Un-pickling this makes the canary."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return (os.system, (f"touch {self.canary}",))


def pickled(canary):
    return pickle.dumps(Touch(canary))


def torch_saved(canary):
    stream = io.BytesIO()
    torch.save({"weight": Touch(canary)}, stream)
    return stream.getvalue()


def in_a_zip(canary):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(canary))
    return stream.getvalue()


def with_header(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


FLOAT = {"dtype": "F32", "shape": [1]}
WEIGHTS = {
    "a pickle": pickled,
    "a file of torch.save": torch_saved,
    "a pickle in a zip": in_a_zip,
    "a pickle after a header": lambda canary: with_header({}, pickled(canary)),
    "nothing": lambda _: b"",
    "a header of 2^63 bytes": lambda _: struct.pack("<Q", 2**63) + b"{}",
    "a header longer than the file": lambda _: struct.pack("<Q", 1000) + b"{}",
    "a header that is no JSON": lambda _: with_header(b"{'a': 1}"),
    "a header nested deep": lambda _: with_header(b"[" * 100_000),
    "overlapping tensors": lambda _: with_header(
        {"a": {**FLOAT, "data_offsets": [0, 4]}, "b": {**FLOAT, "data_offsets": [2, 6]}}, b"\0" * 6
    ),
    "a tensor outside the file": lambda _: with_header(
        {"a": {**FLOAT, "data_offsets": [0, 2**40]}}, b"\0" * 4
    ),
    "a shape that overflows": lambda _: with_header(
        {"a": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 4]}}, b"\0" * 4
    ),
    "a dtype that is code": lambda _: with_header(
        {"a": {"dtype": "__import__('os')", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4
    ),
    "bytes that nobody owns": lambda _: with_header({}, b"\0" * 100),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_that_are_something_else(folder, canary, kind):
    (folder / "model.safetensors").write_bytes(WEIGHTS[kind](canary))
    seal(folder)
    with pytest.raises(UserError, match=r"model\.safetensors|do not fit"):
        load(folder)
    assert not canary.exists()


def test_the_canary_would_have_sung(canary):
    pickle.loads(pickled(canary))
    assert canary.exists()


def test_every_truncation_of_the_weights_is_refused(folder, sound):
    whole = (sound / "model.safetensors").read_bytes()
    for length in range(0, len(whole), 509):
        (folder / "model.safetensors").write_bytes(whole[:length])
        seal(folder)
        with pytest.raises(UserError):
            load(folder)


NAMES = [
    "os.system",
    "os",
    "subprocess",
    "builtins",
    "tilth.models.two_conv",
    "models.two_conv",
    "../models/two_conv",
    "..",
    ".two_conv",
    "two_conv ",
    "two_conv\0",
    "__class__",
    "__init__",
    "__builtins__",
    "_private",
    "two_conv.__globals__",
    "evil",
    "",
    "TWO_CONV",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("field", ["architecture", "task", "kind"])
def test_names_are_looked_up_never_imported(folder, canary, monkeypatch, name, field):
    """A module lies in wait on the import path; no name reaches it."""
    (folder / "evil.py").write_text(f"open({str(canary)!r}, 'w')")
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    if field == "architecture":
        edit(folder, "config.json", lambda c: {**c, field: {"name": name, "arguments": {}}})
    elif field == "task":
        edit(folder, "config.json", lambda c: {**c, field: name})
    else:
        edit(folder, "preprocessor_config.json", lambda c: {**c, field: name})
    with pytest.raises(UserError, match="Choices"):
        load(folder)
    assert not canary.exists()
    assert {module for module in set(sys.modules) - before if "evil" in module} == set()


@pytest.mark.parametrize(
    "arguments",
    [
        {"__class__": "os.system"},
        {"outputs": {"__reduce__": ["os.system", ["touch canary"]]}},
        {"outputs": "__import__('os').system('touch canary')"},
        {"channels": 3, "size": 16, "outputs": 3, "width": "${jndi:ldap://x}"},
        {"$ref": "file:///etc/passwd"},
        {"self": None, "outputs": 3},
    ],
)
def test_arguments_are_values_never_code(folder, canary, monkeypatch, arguments):
    monkeypatch.chdir(canary.parent)
    architecture = {"name": "two_conv", "arguments": arguments}
    edit(folder, "config.json", lambda config: {**config, "architecture": architecture})
    with pytest.raises(UserError):
        load(folder)
    assert not canary.exists()


@pytest.mark.parametrize("backbone", ["hf-hub:evil/model", "hf_hub:evil/model", "local-dir:evil"])
def test_a_backbone_is_never_fetched(folder, backbone):
    """The suite refuses connections, so that reaching for the hub would fail in another way."""
    arguments = {"backbone": backbone, "channels": 3, "size": 32, "outputs": 3}
    architecture = {"name": "timm_backbone", "arguments": arguments}
    edit(folder, "config.json", lambda config: {**config, "architecture": architecture})
    with pytest.raises(UserError, match="unknown backbone"):
        load(folder)


@pytest.mark.parametrize(
    "name", ["../canary", "/etc/hostname", "a/../../canary", "C:\\x", "\\\\s\\x"]
)
def test_the_manifest_cannot_point_outside(folder, name):
    (folder.parent / "canary").write_text("outside")

    def change(manifest):
        listed = manifest["files"]
        return {**manifest, "files": {**listed, name: next(iter(listed.values()))}}

    path = folder / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(UserError, match=r"manifest\.json"):
        load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "labels.json"])
def test_a_link_out_of_the_bundle_is_refused(folder, name):
    outside = folder.parent / "outside"
    shutil.move(folder / name, outside)
    seal(folder)
    (folder / name).symlink_to(outside)
    seal(folder)
    with pytest.raises(UserError, match=rf"{name}: it is a link to a file outside"):
        load(folder)


def test_a_folder_or_pipe_in_place_of_a_file_does_not_hang(folder):
    (folder / "labels.json").unlink()
    (folder / "labels.json").mkdir()
    with pytest.raises(UserError, match=r"labels\.json"):
        load(folder)
    (folder / "labels.json").rmdir()
    path = folder / "manifest.json"
    listed = json.loads(path.read_text())["files"]
    listed["labels.json"] = {"sha256": hashlib.sha256(b"").hexdigest(), "size": 0}
    path.write_text(json.dumps({"files": listed, "sha256": files._digest_of(listed)}))
    os.mkfifo(folder / "labels.json")
    with pytest.raises(UserError, match=r"labels\.json: it is not a plain file"):
        load(folder)


def test_python_files_in_a_bundle_are_dead_weight(folder, canary, monkeypatch):
    for name in ("__init__.py", "modeling.py", "two_conv.py", "sitecustomize.py", "config.py"):
        (folder / name).write_text(f"open({str(canary)!r}, 'w')")
    seal(folder)
    monkeypatch.chdir(folder)
    load(folder)
    load(".")
    assert not canary.exists()


WATCHER = """
import sys
seen = []
def watch(event, arguments):
    if not watching:
        return
    if event in ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "os.spawn",
                 "subprocess.Popen", "marshal.loads", "marshal.load", "socket.connect",
                 "ctypes.dlopen"):
        seen.append(f"{event} {arguments!r:.200}")
    if event in ("exec", "compile"):
        name = getattr(arguments[0], "co_filename", None) if event == "exec" else arguments[1]
        if str(name).startswith(folders) or name in ("<string>", "<stdin>"):
            seen.append(f"{event} {name}")
    if event == "import" and str(arguments[1] or "").startswith(folders):
        seen.append(f"import {arguments[0]}")
watching = False
sys.addaudithook(watch)
folders = tuple(sys.argv[1:])
from tilth.ship.predictor import load
pictures, table, new = sys.argv[1:]
for watching in (False, True):  # the first time imports the libraries' own parts
    load(pictures).predict(new)
    load(table).predict({"area": 70.0, "city": "Ulm"})
watching = False
print("\\n".join(seen))
"""


def test_the_interpreter_itself_sees_nothing_run(sound, tmp_path):
    """An audit hook of Python watches whole loads and predictions."""
    pictures(tmp_path / "new", 1)
    folders = (sound, table_bundle(tmp_path / "table"), tmp_path / "new")
    done = subprocess.run(
        [sys.executable, "-c", WATCHER, *map(str, folders)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    assert done.stdout.strip() == ""


def test_the_watcher_sees(tmp_path):
    """The same hook does see an un-pickling and a program."""
    (tmp_path / "evil.pkl").write_bytes(pickled(tmp_path / "canary"))
    code = WATCHER[: WATCHER.index("from tilth")] + (
        "import pickle\nwatching = True\npickle.load(open(folders[1], 'rb'))\n"
        "watching = False\nprint('\\n'.join(seen))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(tmp_path / "evil.pkl")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pickle.find_class" in done.stdout
    assert "os.system" in done.stdout


# what can turn bytes or text into running code, as it stands in a source file
FORBIDDEN_MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
FORBIDDEN_MODULES |= {"joblib", "jsonpickle", "yaml", "runpy", "code", "codeop"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {
    ("torch", "load"),
    ("torch", "save"),
    ("torch.jit", "load"),
    ("torch.hub", "load"),
    ("torch.package", "PackageImporter"),
    ("pandas", "read_pickle"),
    ("pd", "read_pickle"),
    ("yaml", "load"),
    ("joblib", "load"),
    ("os", "system"),
    ("os", "popen"),
}
UNSAFE_OPTIONS = {"allow_pickle", "shell", "weights_only"}
IMPORTS_BY_NAME = {"import_module", "__import__", "load_module", "exec_module", "spec_from_loader"}
MAY_IMPORT_BY_NAME = {
    "src/tilth/registry.py",  # from the list of its own files
    "src/tilth/__init__.py",  # from a table in that file, on an attribute that the caller writes
    "src/tilth/cli/main.py",  # from the list of its own files, on a word that the caller types
}
MAY_START_PROGRAMS = {"src/tilth/train/environment.py"}


def dangers(tree):
    """Yield (line, what) for every way to run code that comes from data."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, what) for what in _imported(node))
        elif isinstance(node, ast.keyword) and node.arg in UNSAFE_OPTIONS:
            if not (isinstance(node.value, ast.Constant) and node.value.value is False):
                yield node.value.lineno, f"{node.arg}="
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, what) for what in _called(node))


def _imported(node):
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        names = [node.module or "", *(f"{node.module}.{name}" for name in names)]
    for name in names:
        top = name.split(".")[0]
        if top in FORBIDDEN_MODULES or tuple(name.rsplit(".", 1)) in FORBIDDEN_METHODS:
            yield f"import {name}"
        if top == "subprocess":
            yield "programs"


def _called(node):
    called = node.func
    if isinstance(called, ast.Name) and called.id in FORBIDDEN_CALLS:
        yield f"{called.id}()"
    owner = ast.unparse(called.value) if isinstance(called, ast.Attribute) else ""
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if (owner, name) in FORBIDDEN_METHODS:
        yield f"{owner}.{name}()"
    constant = node.args and isinstance(node.args[0], ast.Constant)
    if name in IMPORTS_BY_NAME and not constant:
        yield "import by computed name"


def test_no_source_file_can_run_data():
    allowed = {"import by computed name": MAY_IMPORT_BY_NAME, "programs": MAY_START_PROGRAMS}
    wrong = [
        f"{module.where}:{line}: {what}"
        for module in modules()
        for line, what in dangers(module.tree)
        if module.where not in allowed.get(what, ())
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib",
        "from torch import load",
        "import yaml",
        "torch.load(path)",
        "torch.jit.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "eval(text)",
        "exec(text)",
        "compile(text, '', 'exec')",
        "importlib.import_module(name)",
        "import_module(f'tilth.{name}')",
        "__import__(name)",
        "os.system(text)",
        "import subprocess",
        "run(text, shell=True)",
    ],
)
def test_the_walk_finds_each_danger(source):
    assert list(dangers(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    ["model.eval()", "re.compile(text)", "importlib.import_module('json')", "torch.compile(net)"],
)
def test_the_walk_lets_the_harmless_pass(source):
    assert not list(dangers(ast.parse(source)))


def test_only_the_registry_imports_by_name():
    """The allowed file is there, and it is the folder's list that it imports from."""
    text = (Path(SOURCE) / "tilth" / "registry.py").read_text()
    assert "import_module(" in text
    assert "choose(name, names(package)" in text
