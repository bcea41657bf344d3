"""Spaces of gymnasium as tilth's, and their values as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tilth.data.environment import Space
from tilth.errors import UserError


def to_space(space: Any, what: str) -> Space:
    """Return what a gymnasium space of one copy looks like.

    space: Discrete (counted from 0) or Box; pictures [height, width, 1 or 3] of uint8 become
    channels first, other numbers float32
    Raises UserError for any other space, and for actions without bounds.
    """
    kind = type(space).__name__
    if kind == "Discrete" and int(space.start) == 0:
        return Space((), "int64", choices=int(space.n))
    if kind != "Box":
        raise UserError(
            f"the {what} space is {space}",
            rule="tilth acts with choices (Discrete from 0) and numbers (Box)",
            fix="register it in a gymnasium wrapper, FlattenObservation for example",
        )
    if space.dtype == np.uint8:
        channels_last = is_picture(space.shape)
        shape = (space.shape[2], *space.shape[:2]) if channels_last else space.shape
        return Space(tuple(shape), "uint8")
    low, high = (tuple(np.ravel(side).astype(float).tolist()) for side in (space.low, space.high))
    if what == "action" and not np.isfinite([low, high]).all():
        raise UserError(
            f"the action space is {space}",
            rule="numbers to act with have bounds: any of them is tried at first",
            fix="register it with bounds that are finite",
        )
    return Space(tuple(space.shape), "float32", low=low, high=high)


def is_picture(shape: tuple[int, ...]) -> bool:
    """Say whether a shape is a picture with its colours last."""
    return len(shape) == 3 and shape[2] in (1, 3) and shape[0] > 4


def to_tensor(values: Any, space: Space) -> Tensor:
    """Return values of all copies as a tensor of its own memory, channels first.

    >>> to_tensor(np.zeros((2, 8, 9, 3), np.uint8), Space((3, 8, 9), "uint8")).shape
    torch.Size([2, 3, 8, 9])
    """
    array = np.asarray(values)
    if space.dtype == "uint8" and array.shape[1:] != space.shape:
        array = np.moveaxis(array, -1, 1)
    return torch.from_numpy(np.array(array, dtype=space.dtype, order="C"))


def to_actions(actions: Tensor, space: Space) -> Any:
    """Return actions as an environment takes them: numbers beyond their bounds are cut off."""
    if space.is_choice:
        return actions.cpu().numpy()
    array = actions.detach().cpu().numpy().astype(np.float32)
    low, high = (np.reshape(side, space.shape) for side in (space.low, space.high))
    return np.clip(array, low, high).astype(np.float32)
