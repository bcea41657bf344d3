from importlib.metadata import PackageNotFoundError

import pytest

from tilth.flow import extras as module
from tilth.flow.doctor import examine_machine
from tilth.flow.extras import extras, state

REQUIREMENTS = [
    "torch>=2.11",
    "furo>=2024.8 ; extra == 'docs'",
    'myst-parser>=4; python_version > "3" and extra == "docs"',
    'ruff>=0.9; extra == "dev"',
]


@pytest.mark.parametrize(
    ("there", "extra", "said"),
    [
        ({"furo", "myst-parser"}, "docs", "complete"),
        ({"furo"}, "docs", "lacks myst-parser; pip install 'tilth[docs]'"),
        (set(), "docs", "lacks furo, myst-parser; pip install 'tilth[docs]'"),
        (set(), "dev", "lacks ruff; pip install 'tilth[dev]'"),
        (set(), "doc", "complete"),
    ],
)
def test_what_an_extra_lacks_is_named_with_the_command(monkeypatch, there, extra, said):
    def version(name):
        if name not in there:
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(module, "version", version)
    assert state(extra, REQUIREMENTS) == said


def test_the_doctor_lists_those_of_pyproject(monkeypatch):
    import tomllib

    from tests.house.tree import ROOT

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras()) == set(project["optional-dependencies"])
    assert examine_machine()["extras"] == extras()
