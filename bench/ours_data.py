"""tilth's arms on files: a table of a million rows and a folder of JPEGs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

import tilth as tl
from bench.arm import Clock, Config, Result, main
from bench.made_data import TARGET, WARM_IMAGES, WARM_ROWS, folder, table
from bench.ours import GIVEN, fit
from bench.workload import area_under_curve, strided_net
from tilth.contracts import Batch, Context
from tilth.data.augment import Augment
from tilth.tasks._training import outputs


def batches(learn: tl.Learner, passes: int = 1) -> Iterator[Batch]:
    """The training batches that a loop would get."""
    source, nothing = learn.parts().source, nn.Identity()
    for step in range(passes * source.steps_per_epoch):
        yield source.next(nothing, Context(step, 0.0, 0, torch.Generator(), learn.device))


PLAIN_NET = {"dropout": 0.0, "embedding_dropout": 0.0, "frequencies": 0}
SAME = {**GIVEN["fp32"], "model_arguments": PLAIN_NET}


def first_table_batch(origin: Any, given: dict[str, Any]) -> Any:
    """Read a table and make its first training batch; returns the data."""
    data = tl.table(origin, target=TARGET)
    next(batches(tl.Learner(data, "tabular_mlp", run=Path.cwd() / "none", quiet=True, **given)))
    return data


def table_epoch(variant: str, config: Config, seed: int) -> Result:
    """`variant` is csv (reading counts) or frame (pandas has read it already).

    With _same the net is that of the other arms, without dropout and periodic embeddings, in fp32.
    """
    path, way = table(int(config["rows"])), variant.partition("_")
    given: dict[str, Any] = {
        **(SAME if way[2] else {}),
        "batch_size": int(config["batch"]),
        "lr": float(config["rate"]),
        "epochs": int(config["epochs"]),
        "seed": seed,
        "threads": int(config["threads"]),
    }
    origin: Any = path
    if way[0] == "frame":
        import pandas as pd

        origin = pd.read_csv(path)
    first_table_batch(table(WARM_ROWS), {**given, "batch_size": 64})
    clock = Clock()
    data = first_table_batch(origin, given)
    first_batch, processor = clock.lap(), clock.processor
    learn, watch, seconds = fit(data, "tabular_mlp", "run", given)
    found = outputs(learn.setup(), "test")
    scores = (found.outputs[:, 1] - found.outputs[:, 0]).numpy()
    return {
        "first_batch_seconds": first_batch,
        "first_batch_processor": processor,
        "samples_per_second": watch.samples / watch.seconds,
        "fit_seconds": seconds,
        "area": area_under_curve(scores, found.targets.numpy() == 1),
        "numerics": learn.plan.numerics.label(),
    }


def passes(learn: tl.Learner, count: int, clock: Clock) -> list[float]:
    """Seconds of each pass over the training batches, which are dropped."""
    seconds, steps = [], learn.parts().source.steps_per_epoch
    for step, _batch in enumerate(batches(learn, count), start=1):
        if step % steps == 0:
            seconds.append(clock.lap())
    return seconds


class EpochEnds(tl.BaseHook):
    """Seconds of each training pass, without what the flow does between two of them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_start(self, loop: Any) -> None:
        self.clock = Clock()

    def after_step(self, loop: Any) -> None:
        if loop.step % loop.source.steps_per_epoch == loop.source.steps_per_epoch - 1:
            self.seconds.append(self.clock.lap())
        elif loop.step % loop.source.steps_per_epoch == 0:
            self.clock.lap()


def folder_epochs(variant: str, config: Config, seed: int) -> Result:
    """`variant` is path or train, with _streamed (not kept in memory) or _default (all changes)."""
    place, count = folder(int(config["images"])), int(config["epochs"])
    way, _, more = variant.partition("_")
    given: dict[str, Any] = {
        **GIVEN["fp32"],
        "batch_size": int(config["batch"]),
        "lr": float(config["rate"]),
        "epochs": count,
        "seed": seed,
        "threads": int(config["threads"]),
        "clip": 0.0,
        "patience": 0,
    }
    torch.manual_seed(seed)
    tl.images(folder(WARM_IMAGES), size=32)
    clock, opening = Clock(), Clock()
    data = tl.images(
        place,
        size=int(config["size_px"]),
        fractions=(0.94, 0.03, 0.03),
        resident=False if more == "streamed" else None,
    )
    if more != "default":  # the same work as the others: a flip alone
        data.augment = Augment(rotate_degrees=0, zoom=1, warp=0, light=0)
    watch = EpochEnds()
    run = Path.cwd() / "run"
    learn = tl.Learner(data, strided_net(), hooks=[watch], run=run, quiet=True, **given)
    next(batches(learn))
    open_seconds, reading = opening.lap(), clock.lap()
    if way == "train":
        learn.fit()
        seconds = watch.seconds
    else:
        seconds = passes(learn, count, clock)
    images = len(np.asarray(data.splits["train"]))
    return {
        "first_images_per_second": images / (reading + seconds[0]),
        "later_images_per_second": images / median(seconds[1:]),
        "open_seconds": open_seconds,
    }


if __name__ == "__main__":
    main({"table": table_epoch, "folder": folder_epochs})
