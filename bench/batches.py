"""Pictures in memory and how fast a way to change batches of them is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bench.arm import Clock, Config, Result, wait_for_start

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # where white is 1


def pictures(count: int, side: int) -> Tensor:
    """uint8 [count, 3, side, side]: what a resampler sees does not change how long it takes."""
    noise = np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    return torch.from_numpy(noise)


def throughput(change: Callable[[Tensor, Tensor], Tensor], config: Config) -> Result:
    """Images a second of `change`, called with a batch of pictures and their rows.

    It goes through the pictures again and again for the seconds asked, after one pass of warming.
    """
    side, size = int(config["size_px"]), int(config["batch"])
    images = pictures(int(config["images"]), side)
    batches = list(torch.arange(len(images)).split(size))
    result = change(images[batches[0]], batches[0])
    if result.shape != (size, 3, side, side) or result.dtype != torch.float32:
        raise SystemExit(f"the arm gave {result.dtype} {tuple(result.shape)}")
    for rows in batches[:4]:
        change(images[rows], rows)
    wait_for_start()
    clock, seconds, used, seen = Clock(), 0.0, 0.0, 0
    while seconds < float(config["seconds"]):
        for rows in batches:
            change(images[rows], rows)
            seen += len(rows)
        seconds += clock.lap()
        used += clock.processor
    return {"images_per_second": seen / seconds, "images_per_processor_second": seen / used}
