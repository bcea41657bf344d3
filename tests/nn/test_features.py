"""Features of samples, and the hash of the net that makes them."""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from tests.audit.test_generated import net, pictures
from tilth.errors import UserError
from tilth.nn.features import features, fingerprint


def test_features_are_made_in_evaluation_mode_and_modes_are_put_back():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.BatchNorm1d(64)).train()
    samples = pictures(70, 0.0, 0)
    found = features(model, samples, batch_size=32)
    assert np.allclose(found, samples.flatten(1).numpy() / np.sqrt(1 + 1e-5), atol=1e-6)
    assert model.training and float(model[2].running_mean.abs().max()) == 0
    with pytest.raises(UserError, match="one vector"):
        features(nn.Conv2d(1, 2, 3), samples)
    with pytest.raises(UserError, match="2,048"):
        features(nn.Linear(8, 2049), torch.zeros(2, 8))


def test_the_hash_is_that_of_names_types_shapes_and_bytes():
    layer = nn.Linear(2, 1)
    told = hashlib.sha256()
    for name in ("bias", "weight"):
        value = layer.state_dict()[name].numpy()
        told.update(f"{name} torch.float32 {list(value.shape)}\n".encode() + value.tobytes())
    assert fingerprint(layer) == told.hexdigest()[:16]
    assert fingerprint(net(0)) == fingerprint(net(0)) != fingerprint(net(1))
