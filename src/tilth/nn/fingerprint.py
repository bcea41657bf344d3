"""Which net it is: a hash of its weights."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

HASHED = 16  # hexadecimal digits of the hash that are shown


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
