import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tilth import registry
from tilth.errors import UserError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with two offered modules, a private one and a sub-package."""
    folder = tmp_path / "shelf_of_tools"
    (folder / "deep").mkdir(parents=True)
    for file in ("__init__", "_private", "deep/__init__", "deep/inner"):
        (folder / f"{file}.py").write_text("")
    (folder / "hammer.py").write_text("def hammer(*, weight, colour='red'):\n    return weight\n")
    (folder / "saw.py").write_text("raise RuntimeError('listing must not import me')\n")
    (folder / "notes.txt").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield folder.name
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def test_names_are_the_files(package):
    assert registry.names(package) == ["hammer", "saw"]


def test_names_of_models_are_the_files_of_the_folder():
    folder = Path(registry.__file__).parent / "models"
    expected = sorted(path.stem for path in folder.glob("[!_]*.py"))
    assert registry.names("tilth.models") == expected


def test_listing_imports_nothing(package):
    registry.names(package)
    assert not [name for name in sys.modules if name.startswith(package)]
    code = (
        "import sys; from tilth.registry import names; names('tilth.models'); "
        "print([m for m in ('torch', 'timm', 'tilth.models') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_find_returns_what_the_file_exports(package):
    assert registry.find(package, "hammer")(weight=3) == 3


@pytest.mark.parametrize(
    "name",
    ["os", "_private", "deep", "deep.inner", "..errors", "../saw", "__init__", "", "saw.py", "/"],
)
def test_nothing_outside_the_folder_can_be_named(package, name, monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"imported {arguments}")

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(UserError, match=r"unknown shelf_of_tool .* Choices: hammer, saw"):
        registry.find(package, name)


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(UserError, match=r"model \['mlp'\]. the name of a model is a text"):
        registry.find("tilth.models", ["mlp"])


def test_a_misspelt_name_gets_a_proposal():
    with pytest.raises(UserError, match=r"unknown model 'two_cnov'.*did you mean 'two_conv'"):
        registry.find("tilth.models", "two_cnov")


def test_build_calls_with_the_arguments(package):
    assert registry.build(package, "hammer", {"weight": 2, "colour": "blue"}) == 2


def test_build_names_a_misspelt_argument(package):
    with pytest.raises(UserError, match=r"hammer has no argument 'wieght'.*did you mean 'weight'"):
        registry.build(package, "hammer", {"wieght": 2})
    with pytest.raises(UserError, match=r"'x'. Choices: weight, colour. Fix: leave 'x' out"):
        registry.build(package, "hammer", {"weight": 2, "x": 2})


def test_build_names_a_missing_argument(package):
    with pytest.raises(UserError, match="hammer needs weight"):
        registry.build(package, "hammer", {"colour": "blue"})


def test_an_unknown_package_is_a_mistake_of_ours():
    with pytest.raises(ModuleNotFoundError, match="not a package"):
        registry.names("tilth.errors")


@pytest.mark.parametrize(
    ("task", "arguments", "wanted"),
    [
        ("translate", {"cycle": "x"}, r"cycle='x' for translate. cycle is of the type float"),
        ("restore", {"quality": 10.5}, "quality=10.5 for restore. quality is of the type int or N"),
        ("restore", {"noise": "x"}, "noise is of the type float or None"),
        ("style", {"picture": [1, 2]}, "picture is of the type str"),
        ("translate", {"cycle": True}, "cycle=True for translate"),
        ("variational", {"binary": 1}, "binary is of the type bool"),
    ],
)
def test_build_names_a_value_of_another_kind(task, arguments, wanted):
    with pytest.raises(UserError, match=wanted):
        registry.build("tilth.tasks", task, arguments)


def test_whole_numbers_and_numpys_are_numbers_and_lists_are_not_looked_into():
    built = registry.build("tilth.models", "mlp", {"channels": 3, "outputs": 2, "layers": [4]})
    assert built.head.in_features == 4
    built = registry.build("tilth.tasks", "translate", {"cycle": 3, "identity": np.float32(0.5)})
    assert (built.cycle, built.identity) == (3, 0.5)
