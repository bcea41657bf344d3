"""The optional extras of this installation: which are whole, and what brings the others."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, version


def extras() -> dict[str, str]:
    """Return extra -> "complete", or what it lacks and the command that installs it.

    They are read from the installed package, so a new one in pyproject.toml is listed unasked.

    >>> "docs" in extras()
    True
    """
    try:
        package = distribution("tilth")
    except PackageNotFoundError:
        return {}
    named = package.metadata.get_all("Provides-Extra") or []
    return {extra: state(extra, package.requires or []) for extra in sorted(named)}


def state(extra: str, requirements: list[str]) -> str:
    """Say whether the packages of an extra are there.

    requirements: lines such as ``sphinx>=8; extra == "docs"``

    >>> state("docs", ['no-such-package>=8; extra == "docs"', 'rich; extra == "docs"'])
    "lacks no-such-package; pip install 'tilth[docs]'"
    """
    mark = re.compile(rf"""extra\s*==\s*["']{re.escape(extra)}["']""")
    lines = [line for line in requirements if mark.search(line)]
    needed = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines]
    lacking = [name for name in needed if not installed(name)]
    if not lacking:
        return "complete"
    return f"lacks {', '.join(lacking)}; pip install 'tilth[{extra}]'"


def installed(package: str) -> bool:
    """Say whether a package is installed, without importing it."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
