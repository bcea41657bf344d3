"""tilth's arms on small photographs: its defaults, and the peers' net through its flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import tilth as tl
from bench.arm import Clock, Config, Result, main
from bench.ours import PassClock
from bench.photographs import photographs
from bench.workload import small_picture_net


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
    place, watch = photographs(), PassClock()
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
        "epochs": watch.samples / len(pictures.splits["train"]),
        "images_per_second": watch.samples / watch.seconds,
        "accuracy": learn.validate("test")["test/accuracy"],
        "numerics": learn.plan.numerics.label(),
    }


if __name__ == "__main__":
    main({"images": images})
