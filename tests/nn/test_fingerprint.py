"""The hash of a net is that of its names, types, shapes and bytes."""

import hashlib

import torch
from torch import nn

from tilth.models.two_conv import two_conv
from tilth.nn.fingerprint import fingerprint


def net(seed):
    torch.manual_seed(seed)
    return two_conv(channels=1, size=8, outputs=3, width=4, hidden=8).body


def test_the_hash_is_that_of_names_types_shapes_and_bytes():
    layer = nn.Linear(2, 1)
    told = hashlib.sha256()
    for name in ("bias", "weight"):
        value = layer.state_dict()[name].numpy()
        told.update(f"{name} torch.float32 {list(value.shape)}\n".encode() + value.tobytes())
    assert fingerprint(layer) == told.hexdigest()[:16]
    assert fingerprint(net(0)) == fingerprint(net(0)) != fingerprint(net(1))
