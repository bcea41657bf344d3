"""What the tests of generators with critics share: latents with labels, and both nets called."""

import torch

STREAM = torch.Generator().manual_seed(0)
LATENT, LABELS = torch.randn(12, 6, generator=STREAM), torch.arange(12) % 3


def call(model, inputs):
    """Return the critic's scores of what the generator makes."""
    latent, labels = inputs
    return model.critic(model(latent, labels), labels)


def gan_case(**arguments):
    """Return what tests/contracts/test_models.py wants of a generator with a critic."""
    return {
        "arguments": {"channels": 2, "latent": 6, "classes": 3, **arguments},
        "inputs": lambda rows: (LATENT[:rows], LABELS[:rows]),
        "call": call,
    }
