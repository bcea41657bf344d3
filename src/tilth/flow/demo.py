"""The demo: scikit-learn's handwritten digits through the whole flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tilth.data.dataset import Data
from tilth.flow.settings import Settings, TrainSettings
from tilth.flow.sources import arrays
from tilth.flow.train import Job, train


def digits() -> Data:
    """Return the 1,797 handwritten digits, 8 x 8 px, as uint8 pictures."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = np.round(found.images * (255 / 16)).astype(np.uint8)  # they hold 0 to 16
    data = arrays(pixels, found.target)
    data.name = "digits"
    return data


def demo(
    folder: Path, *, seed: int = 0, force: bool = False, quiet: bool = False
) -> dict[str, Any]:
    """Train on the digits with every default; return the summary."""
    settings = Settings(train=TrainSettings(seed=seed))
    _, found = train(Job(settings, run=folder, force=force, quiet=quiet), data=digits())
    return found
