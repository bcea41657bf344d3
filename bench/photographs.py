"""cifar10_small as a folder of files, and how a peer fills the seconds that it is given."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from bench.arm import Clock, Config, Result
from bench.made_data import cache

MEAN, DEVIATION = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)  # where white is 1
Trained = tuple[list[float], Callable[[], float]]
"""Seconds of each training pass, and what says the accuracy on the test pictures."""


def photographs() -> Path:
    """The folder that holds train/<class>/*.jpg and test/<class>/*.jpg, unpacked once."""
    place = cache() / "cifar10_small"
    if not place.exists():
        (archive,) = (Path(os.environ["TILTH_DATA"]) / "cifar10_small").glob("*.zip")
        aside = place.with_name(f"{place.name}.{os.getpid()}")
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(aside)
        aside.rename(place)
    (train,) = place.rglob("train")
    return train.parent


def fill(train: Callable[[int], Trained], config: Config, *, per_epoch: int) -> Result:
    """Rehearse two epochs of `train`, then run it for as many as the seconds hold.

    train: epochs -> what `Trained` says, from opening the folder on; per_epoch: pictures a pass
    """
    rehearsal = Clock()
    passes, _ = train(2)
    beside = rehearsal.lap() - sum(passes)  # opening, and what comes between two passes
    epochs = max(1, int((float(config["seconds"]) - beside) / passes[-1]))
    clock = Clock()
    passes, judge = train(epochs)
    return {
        "seconds": clock.lap(),
        "epochs": epochs,
        "images_per_second": per_epoch * epochs / sum(passes),
        "accuracy": judge(),
    }
