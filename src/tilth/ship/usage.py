"""How a bundle is asked, by what its own files say."""

from __future__ import annotations

import json
from pathlib import Path

from tilth.audit.usage import usage
from tilth.ship.bundle import CONFIG, PREPROCESSOR


def usage_of(bundle: Path, new: str = "NEW_DATA") -> str:
    """Return the command, or the line of Python, that asks a bundle written here.

    new: what stands for new items on a command line

    >>> import numpy as np
    >>> import tilth as tl
    >>> inputs = np.random.default_rng(0).normal(size=(200, 2))
    >>> data = tl.arrays(inputs, inputs[:, 0] > 0)
    >>> run = tl.Learner(data, quiet=True, run="runs/asked").fit(1, lr=0.01)
    >>> usage_of(run.export())
    'tilth predict runs/asked/model NEW_DATA'
    """
    config, preprocessor = (
        json.loads((bundle / name).read_text(encoding="utf-8")) for name in (CONFIG, PREPROCESSOR)
    )
    return usage(
        str(bundle),
        model=config["architecture"]["name"],
        kind=preprocessor["kind"],
        collate=preprocessor.get("collate"),
        files=new,
        answers=config.get("answers", "predictions"),
    )
