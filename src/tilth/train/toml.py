"""Write plain values as TOML 1.0 (the standard library only reads it).

The grammar is that of https://toml.io/en/v1.0.0. Departure: none in what is written; fewer types
are accepted (no dates), because a configuration holds text, numbers, booleans, lists and tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tilth.errors import UserError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SHORT_ESCAPES = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}
_ESCAPED = re.compile('[\x00-\x1f\x7f"\\\\]')  # what a basic string may not hold as it is


def dump(table: Mapping[str, Any]) -> str:
    """Return ``table`` as TOML text, which ``tomllib.loads`` reads back to an equal dict.

    table: nested dicts with text keys, of str, bool, int (64 bits), float (nan and infinities
        too), lists or tuples of these, and lists of dicts (written as ``[[tables]]``)

    Raises UserError naming the key of anything else, None among it: TOML has no null.

    >>> print(dump({"seed": 0, "model": {"name": "mlp", "widths": [64, 32]}}))
    seed = 0
    <BLANKLINE>
    [model]
    name = "mlp"
    widths = [64, 32]
    <BLANKLINE>
    """
    return "\n".join(_table(table, ())).lstrip("\n") + "\n"


def inline(value: Any) -> str:
    """Return one value as TOML on one line.

    >>> inline([16, {"rate": 0.5}])
    '[16, {rate = 0.5}]'
    """
    return _value(value, ())


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table: its own values first, then the tables inside it."""
    for key, value in table.items():
        _check_key(key, path)
        if not isinstance(value, Mapping) and not _is_list_of_tables(value):
            yield f"{_key(key)} = {_value(value, (*path, key))}"
    for key, value in table.items():
        inner = (*path, key)
        name = ".".join(_key(part) for part in inner)
        if isinstance(value, Mapping):
            yield f"\n[{name}]"
            yield from _table(value, inner)
        elif _is_list_of_tables(value):
            for entry in value:
                yield f"\n[[{name}]]"
                yield from _table(entry, inner)


def _is_list_of_tables(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(isinstance(entry, Mapping) for entry in value)
    )


def _value(value: Any, path: tuple[str, ...]) -> str:
    """Return one value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, int):
        return _integer(value, path)
    if isinstance(value, float):
        return repr(value)  # Python and TOML write numbers, nan and infinities alike
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(entry, path) for entry in value) + "]"
    if isinstance(value, Mapping):  # inside a list that also holds other things
        for key in value:
            _check_key(key, path)
        entries = (f"{_key(key)} = {_value(entry, (*path, key))}" for key, entry in value.items())
        return "{" + ", ".join(entries) + "}"
    kind = "None" if value is None else f"of type {type(value).__name__}"
    raise UserError(
        f"{'.'.join(path)} is {kind}",
        rule="a configuration holds text, numbers, true or false, lists and tables of these",
        fix="leave it out, or give a plain value",
    )


def _integer(value: int, path: tuple[str, ...]) -> str:
    if not -(2**63) <= value < 2**63:
        raise UserError(f"{'.'.join(path)} = {value}", rule="whole numbers must fit in 64 bits")
    return str(value)


def _text(value: str, path: tuple[str, ...]) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{'.'.join(path)} = {value!r}", rule="text must be valid Unicode"
        ) from None
    return '"' + _ESCAPED.sub(_escape, value) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT_ESCAPES.get(character, f"\\u{ord(character):04x}")


def _check_key(key: Any, path: tuple[str, ...]) -> None:
    if not isinstance(key, str):
        where = ".".join(path) or "the configuration"
        raise UserError(f"key {key!r} in {where}", rule="keys must be text", fix="use str(key)")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _text(key, (key,))
