"""The folder is the registry: what a room offers is the list of files in it.

Names come from file names, so adding a model is adding one file, and listing imports none of
them. The registry is closed: a name read from a file is only ever looked up in the list, never
imported, so a bundle cannot choose what code runs.
"""

from __future__ import annotations

import importlib
import inspect
import numbers
import pkgutil
from collections.abc import Mapping
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from tilth.arguments import check_arguments
from tilth.errors import UserError, choose

PLAIN: dict[str, type] = {
    "int": numbers.Integral,
    "float": numbers.Real,
    "str": str,
    "bool": bool,
    "None": type(None),
}
"""Annotation as it is written -> what is taken for it; numpy's numbers are numbers."""


def names(package: str) -> list[str]:
    """Return the names a package offers, sorted, without importing its modules.

    Files whose name begins with an underscore and sub-packages are not offered.

    >>> "two_conv" in names("tilth.models")
    True
    """
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"{package} is not a package")
    found = pkgutil.iter_modules(spec.submodule_search_locations)
    return sorted(m.name for m in found if not m.ispkg and not m.name.startswith("_"))


def find(package: str, name: str) -> Any:
    """Import the module ``name`` of ``package`` and return what it exports: its own name.

    Raises UserError for a name that is not a file of the package (dotted names and paths never
    are), listing the choices.

    >>> find("tilth.models", "two_conv").__name__
    'two_conv'
    """
    return getattr(_module(package, name), name)


def stated(package: str, name: str, fact: str) -> Any:
    """Return what the module ``name`` of ``package`` states as ``fact``; None where it does not.

    Raises UserError as ``find`` does.

    >>> stated("tilth.tasks", "regress", "TARGET")
    'number'
    """
    return getattr(_module(package, name), fact, None)


def _module(package: str, name: str) -> ModuleType:
    what = package.rpartition(".")[2].removesuffix("s")
    if not isinstance(name, str):
        raise UserError(f"{what} {name!r}", rule=f"the name of a {what} is a text")
    return importlib.import_module(f"{package}.{choose(name, names(package), what)}")


def build(package: str, name: str, arguments: Mapping[str, Any]) -> Any:
    """Call what ``find`` gives with ``arguments``: from names and plain values to an object.

    Raises UserError for an argument that it does not have or that is missing, with the choices,
    and for a value of another kind than its annotation, where that is a plain one.

    >>> build("tilth.models", "mlp", {"channels": 3, "outputs": 2}).head.out_features
    2
    """
    builder = find(package, name)
    accepted = inspect.signature(builder).parameters
    check_arguments(name, arguments, accepted)
    required = (key for key, value in accepted.items() if value.default is value.empty)
    missing = [key for key in required if key not in arguments]
    if missing:
        raise UserError(f"{name} needs {', '.join(missing)}", choices=accepted)
    _check_kinds(name, builder, arguments)
    return builder(**arguments)


def _check_kinds(name: str, builder: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError for a value of another kind than a plain annotation of the builder says."""
    parameters = inspect.signature(builder).parameters
    for key, value in arguments.items():
        kinds = str(parameters[key].annotation).split(" | ")  # words: nothing is run to read them
        if not set(kinds) <= set(PLAIN):
            continue
        fits = any(isinstance(value, PLAIN[kind]) for kind in kinds)
        if not fits or (isinstance(value, bool) and "bool" not in kinds):
            raise UserError(
                f"{key}={value!r} for {name}",
                rule=f"{key} is of the type {' or '.join(kinds)}",
                fix="give a plain value of that type",
            )
