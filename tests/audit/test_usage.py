import shlex

import pytest

from tilth import registry
from tilth.audit.usage import own_code, usage, why


@pytest.mark.parametrize("kind", ["images", "table"])
def test_models_of_the_package_are_asked_on_the_command_line(kind):
    for model in registry.names("tilth.models"):
        line = usage("my runs/a", model=model, kind=kind, files="new/")
        assert shlex.split(line) == ["tilth", "predict", "my runs/a", "new/"]


@pytest.mark.parametrize(
    ("model", "kind", "collate", "line"),
    [
        ("Net", "images", None, 'tl.load("a", plugins=[Net(...)]).predict([PICTURE, ...])'),
        ("Net", "table", None, 'tl.load("a", plugins=[Net(...)]).predict(FRAME)'),
        ("mlp", "own", None, 'tl.load("a").predict([ITEM, ...])'),
        ("mlp", "own", "pad", 'tl.load("a", plugins=[pad]).predict([ITEM, ...])'),
    ],
)
def test_own_code_is_brought_from_python(model, kind, collate, line):
    assert usage("a", model=model, kind=kind, collate=collate) == line


def test_only_own_code_is_named():
    assert own_code("small_resnet") == []
    assert own_code("Net", "pad") == ["Net(...)", "pad"]


@pytest.mark.parametrize(
    ("target", "told"),
    [("classes", True), ("labels", True), ("number", False), ("points", False)],
)
def test_chances_are_promised_where_answers_come_with_some(target, told):
    assert ("chances" in why("predictions", target)) is told
    assert "chances" not in why("masks", target)
