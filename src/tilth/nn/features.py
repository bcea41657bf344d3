"""Features of samples by a net that was trained before, and the hash that names the net."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.modes import modes_kept

FloatArray = NDArray[np.float64]

MOST_FEATURES = 2048  # a covariance of that side is 32 MB
HASHED = 16  # hexadecimal digits of the hash that are shown


def features(net: nn.Module, samples: Tensor, *, batch_size: int = 256) -> FloatArray:
    """Return [N, D] float64 features of samples, in evaluation mode; modes are put back.

    >>> features(nn.Flatten(), torch.ones(3, 1, 2, 2)).shape
    (3, 4)
    """
    place: Any = next(net.parameters(), samples).device
    with modes_kept(net), torch.no_grad():
        net.eval()
        found = torch.cat([net(part.to(place)).cpu() for part in torch.split(samples, batch_size)])
    if found.dim() != 2 or found.shape[1] > MOST_FEATURES:
        raise UserError(
            f"features of shape {tuple(found.shape[1:])}",
            rule=f"a feature net gives one vector of at most {MOST_FEATURES:,} numbers per row",
            fix="give the body of a classifier",
        )
    return found.double().numpy()


def fingerprint(net: nn.Module) -> str:
    """Return a hash of a net's weights and buffers, their names, types and shapes.

    >>> fingerprint(nn.Flatten())
    'e3b0c44298fc1c14'
    """
    told = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        content = value.detach().cpu().contiguous()
        told.update(f"{name} {content.dtype} {list(content.shape)}\n".encode())
        told.update(content.flatten().view(torch.uint8).numpy().tobytes())
    return told.hexdigest()[:HASHED]
