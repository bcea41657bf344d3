"""Weights as a safetensors file: plain numbers with names, which cannot carry code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.auxiliary import without_auxiliary

_LISTED = 3  # how many names an error lists


def weight_bytes(model: nn.Module) -> bytes:
    """Return the model's parameters and buffers as the content of a safetensors file.

    Raises UserError for state that is not a tensor and for parameters that are not finite: such
    a model answers nothing.

    >>> net = nn.Linear(2, 1)
    >>> len(weight_bytes(net)) > 12
    True
    """
    tensors: dict[str, Tensor] = {}
    for name, value in plain_model(model).state_dict().items():
        if not isinstance(value, Tensor):
            raise UserError(
                f"the model's state {name!r} is of type {type(value).__name__}",
                rule="a bundle holds tensors only",
                fix="register it as a buffer, or make it an argument of the model",
            )
        # a copy of each: safetensors refuses shared and strided memory
        tensors[name] = value.detach().cpu().contiguous().clone()
    wrong = [name for name, value in tensors.items() if not _is_finite(name, value, model)]
    if wrong:
        raise UserError(
            f"{_some(wrong)} hold values that are not finite",
            rule="a model that is handed on must give answers",
            fix="train again with a lower learning rate",
        )
    return save(tensors, metadata={"format": "pt"})


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file; raises UserError where it is not one."""
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path} is not a sound safetensors file ({error})",
            rule="weights are read from safetensors files only, which cannot carry code",
            fix="get the bundle again from where it came from",
        ) from error


def plain_model(model: nn.Module) -> nn.Module:
    """Return the module that answers: inside a compiled one, and without auxiliary heads."""
    inner = getattr(model, "_orig_mod", model)
    return without_auxiliary(inner if isinstance(inner, nn.Module) else model)


def mismatches(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Say where ``found`` is not what a model with the state ``wanted`` needs; [] where it fits.

    >>> mismatches({"w": torch.zeros(2)}, {"w": torch.zeros(3)})
    ['w has shape [3], the model needs [2]']
    """
    problems = []
    if missing := [name for name in wanted if name not in found]:
        problems.append(f"{_some(missing)} missing")
    if unexpected := [name for name in found if name not in wanted]:
        problems.append(f"{_some(unexpected)} not in the model")
    wrong = []
    for name in wanted:
        if name not in found:
            continue
        tensor, need = found[name], wanted[name]
        if tensor.shape != need.shape:
            wrong.append(
                f"{name} has shape {list(tensor.shape)}, the model needs {list(need.shape)}"
            )
        elif tensor.is_floating_point() != need.is_floating_point():
            wrong.append(f"{name} holds {tensor.dtype}, the model needs {need.dtype}")
    return problems + wrong[:_LISTED]


def _is_finite(name: str, value: Tensor, model: nn.Module) -> bool:
    """Buffers may hold infinities on purpose (masks); parameters may not."""
    if name not in dict(plain_model(model).named_parameters(remove_duplicate=False)):
        return True
    return bool(torch.isfinite(value).all()) if value.is_floating_point() else True


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
