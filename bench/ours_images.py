"""tilth's arms on small photographs: its defaults, and the peers' net through its flow."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

import tilth as tl
from bench.arm import Clock, Config, Result, main
from bench.photographs import photographs
from bench.workload import small_picture_net


class StepClock(tl.BaseHook):
    """When each step ended, and how many pictures had been seen by then."""

    def on_start(self, loop: Any) -> None:
        self.clock, self.laps = Clock(), [(loop.step, 0.0, loop.samples)]

    def after_step(self, loop: Any) -> None:
        self.laps.append((loop.step, self.clock.lap(), loop.samples))


def speed(laps: list[tuple[int, float, int]], per_epoch: int) -> float:
    """Pictures a second of the steps between, without the first and the last one of each epoch.

    laps: (step, seconds since the lap before, pictures seen so far)
    A look at valid is part of the last step's lap, a checkpoint of the first one's. Where there
    are no others, all steps count.

    >>> speed([(0, 0.0, 0), (1, 9.0, 8), (2, 2.0, 16), (3, 4.0, 24), (4, 9.0, 32)], 4) == 16 / 6
    True
    """
    steps = [(step, lap, seen - before) for (_, _, before), (step, lap, seen) in pairwise(laps)]
    inner = [one for one in steps if one[0] % per_epoch not in (0, 1)] or steps
    _, seconds, pictures = (sum(column) for column in zip(*inner, strict=True))
    return pictures / seconds


def same_as_the_peers(config: Config) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of the data and of the learner that make the work the same."""
    changes = {
        "shift": int(config["shift_px"]) / int(config["size_px"]),
        "rotate_degrees": 0,
        "zoom": 1,
        "warp": 0,
        "light": 0,
        "cutout": 0,
        "pad": "reflect",
    }
    learner = {
        "model": small_picture_net(),
        "batch_size": int(config["batch"]),
        "lr": float(config["rate"]),
        "weight_decay": 0.01,
        "label_smoothing": float(config["smoothing"]),
    }
    return {"augment": changes, "fractions": (0.98, 0.01, 0.01)}, learner


def images(variant: str, config: Config, seed: int) -> Result:
    """`variant` is default or same."""
    torch.manual_seed(seed)
    place, watch = photographs(), StepClock()
    data, given = ({}, {}) if variant == "default" else same_as_the_peers(config)
    clock, whole = Clock(), Clock()
    pictures = tl.images(place, **data)
    left = float(config["seconds"]) - clock.lap()
    learn = tl.Learner(
        pictures,
        hooks=[watch],
        run=Path.cwd() / "run",
        quiet=True,
        minutes=left / 60,
        seed=seed,
        threads=int(config["threads"]),
        **given,
    )
    learn.fit()
    seconds = whole.lap()
    return {
        "seconds": seconds,
        "epochs": watch.laps[-1][2] / len(pictures.splits["train"]),
        "images_per_second": speed(watch.laps, learn.plan.steps_per_epoch),
        "accuracy": learn.validate("test")["test/accuracy"],
        "numerics": learn.plan.numerics.label(),
    }


if __name__ == "__main__":
    main({"images": images})
