"""How much memory the process has taken at the most, as the system tells it."""

from __future__ import annotations

import sys

import torch


def peak_memory(device: torch.device) -> dict[str, int]:
    """Return peak_bytes (resident memory of the process so far) and, on CUDA, peak_device_bytes.

    What the system does not tell is left out (Windows has no ``getrusage``).

    >>> peak_memory(torch.device("cpu"))["peak_bytes"] > 10_000_000
    True
    """
    found = {}
    try:
        import resource
    except ImportError:
        pass
    else:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found["peak_bytes"] = most if sys.platform == "darwin" else most * 1024  # else in KiB
    if device.type == "cuda":
        found["peak_device_bytes"] = torch.cuda.max_memory_allocated(device)
    return found
