"""torch's global random streams as plain tensors that can be saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return the state of torch's global stream on the CPU and on ``device``."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Put back what ``random_state`` gave."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Run a block with torch's streams seeded; give the caller's back untouched."""
    outside = random_state(device)
    set_random_state(seeded_state(seed, device), device)
    try:
        yield
    finally:
        set_random_state(outside, device)


def seeded_state(seed: int, device: torch.device) -> dict[str, Tensor]:
    """Return the streams as ``torch.manual_seed(seed)`` would set them, touching nothing."""
    outside = random_state(device)
    torch.manual_seed(seed)
    state = random_state(device)
    set_random_state(outside, device)
    return state
