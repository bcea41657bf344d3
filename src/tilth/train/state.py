"""State as tensors and a JSON skeleton: what a checkpoint holds, without pickle.

A tree of dicts, lists, tuples, tensors and plain values becomes a flat dict of tensors (for a
safetensors file) and a JSON value in which each tensor stands as ``{"$tensor": its name}``. What
JSON lacks is marked the same way: ``$tuple``, ``$dict`` (keys that are not plain strings) and
``$float`` (the 64 bits of an infinity or nan, hexadecimal).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tilth.errors import UserError

_PLAIN_NAME = re.compile(r"[\w./-]+", re.ASCII)
_RULE = (
    "state is made of dicts (text or whole-number keys), lists, tuples, None, True, False, "
    "numbers, text and tensors"
)
_BYTES = (torch.complex128,)  # held as bytes: safetensors has no name for it


def pack(tree: Any) -> tuple[dict[str, Tensor], Any]:
    """Return (name -> contiguous CPU tensor, JSON skeleton) of a tree.

    Tensors keep their values to the bit, data type and shape, but not device, memory layout,
    ``requires_grad`` or sharing: what shares memory in the tree comes back as separate tensors.
    Raises UserError naming the place in the tree of a value that cannot be kept.

    >>> tensors, skeleton = pack({"weight": torch.zeros(2), "best": (3, 0.5)})
    >>> list(tensors), skeleton
    (['weight'], {'weight': {'$tensor': 'weight'}, 'best': {'$tuple': [3, 0.5]}})
    """
    packer = _Packer()
    return packer.tensors, packer.pack(tree, "")


def unpack(tensors: dict[str, Tensor], skeleton: Any) -> Any:
    """Return the tree that ``pack`` was given (dicts of any class come back as plain dicts).

    Raises ValueError or KeyError where the two parts do not belong together.

    >>> unpack(*pack([1, float("inf"), {2: None}]))
    [1, inf, {2: None}]
    """
    if isinstance(skeleton, list):
        return [unpack(tensors, value) for value in skeleton]
    if not isinstance(skeleton, dict):
        return skeleton
    mark = next((key for key in skeleton if key.startswith("$")), None)
    if mark is None:
        return {key: unpack(tensors, value) for key, value in skeleton.items()}
    if mark not in _READERS:
        raise ValueError(f"unknown mark {mark!r} in the skeleton of a state")
    return _READERS[mark](tensors, skeleton)


class _Packer:
    """Walks a tree once, gathering its tensors under readable names."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._storages: set[int] = set()

    def pack(self, value: Any, place: str) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value, place)
        if isinstance(value, dict):
            return self._dict(value, place)
        if type(value) is list:
            return [self.pack(item, f"{place}/{i}") for i, item in enumerate(value)]
        if type(value) is tuple:
            return {"$tuple": [self.pack(item, f"{place}/{i}") for i, item in enumerate(value)]}
        if type(value) is float and not math.isfinite(value):
            return {"$float": struct.pack(">d", value).hex()}
        if value is None or type(value) in (bool, int, float, str):
            return value
        raise UserError(
            f"state{place or '/'} is a {type(value).__module__}.{type(value).__qualname__}",
            rule=_RULE,
            fix="convert it in state_dict() and back in load_state_dict()",
        )

    def _dict(self, value: dict[Any, Any], place: str) -> Any:
        for key in value:
            if type(key) not in (str, int):
                raise UserError(f"state{place or '/'} has the key {key!r}", rule=_RULE)
        packed = [(key, self.pack(item, f"{place}/{key}")) for key, item in value.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return dict(packed)
        return {"$dict": [[key, item] for key, item in packed]}

    def _tensor(self, value: Tensor, place: str) -> Any:
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            raise UserError(
                f"state{place or '/'} is a tensor without plain memory ({value.layout})",
                rule="only dense tensors are kept",
            )
        name = self._name(place.removeprefix("/"))
        plain = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
        entry: dict[str, Any] = {"$tensor": name}
        if plain.dtype in _BYTES:
            entry |= {"dtype": str(plain.dtype).removeprefix("torch."), "shape": [*plain.shape]}
            # a fresh copy: a lone number may be "contiguous" with a stride that cannot be viewed
            plain = plain.reshape(-1).clone(memory_format=torch.contiguous_format)
            plain = plain.view(torch.uint8)
        self.tensors[name] = self._alone(plain)
        return entry

    def _alone(self, plain: Tensor) -> Tensor:
        """Return the tensor, copied where an earlier one lies in the same memory."""
        storage = plain.untyped_storage().data_ptr()
        if storage in self._storages:
            return plain.clone()
        self._storages.add(storage)
        return plain

    def _name(self, place: str) -> str:
        if _PLAIN_NAME.fullmatch(place) and place not in self.tensors and place != "__metadata__":
            return place
        number = len(self.tensors)
        while (name := f"tensor-{number}") in self.tensors:
            number += 1
        return name


def _read_tensor(tensors: dict[str, Tensor], entry: dict[str, Any]) -> Tensor:
    found = tensors[entry["$tensor"]]
    if "dtype" not in entry:
        return found
    dtype = {str(kind).removeprefix("torch."): kind for kind in _BYTES}[entry["dtype"]]
    return found.view(dtype).reshape(entry["shape"])


def _read_float(_: dict[str, Tensor], entry: dict[str, Any]) -> float:
    value: float = struct.unpack(">d", bytes.fromhex(entry["$float"]))[0]
    return value


def _read_tuple(tensors: dict[str, Tensor], entry: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(unpack(tensors, item) for item in entry["$tuple"])


def _read_dict(tensors: dict[str, Tensor], entry: dict[str, Any]) -> dict[Any, Any]:
    return {key: unpack(tensors, item) for key, item in entry["$dict"]}


_READERS: dict[str, Callable[[dict[str, Tensor], dict[str, Any]], Any]] = {
    "$tensor": _read_tensor,
    "$float": _read_float,
    "$tuple": _read_tuple,
    "$dict": _read_dict,
}
