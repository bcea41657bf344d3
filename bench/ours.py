"""tilth's arms on arrays: the same nets, data and optimizer through its own flow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import tilth as tl
from bench.arm import Clock, Config, Result, main, wait_for_start
from bench.workload import mlp_rows, mnist, small_mlp, two_conv_net

# Numerics measured in this process, not remembered from another hour of this machine.
os.environ["TILTH_CACHE"] = str(Path.cwd() / "cache")
GIVEN: dict[str, dict[str, Any]] = {
    "default": {},
    "fp32": {"dtype": "float32", "channels_last": False},
    "bf16": {"dtype": "bfloat16", "channels_last": True},
}


class PassClock(tl.BaseHook):
    """Seconds of the training pass alone, without the look at valid and the checkpoint after it.

    The last step's hooks come after those, so the clock stops one step before the end.
    """

    def on_start(self, loop: Any) -> None:
        self.clock, self.first = Clock(), loop.samples

    def after_step(self, loop: Any) -> None:
        if loop.step == loop.total_steps - 1:
            self.seconds, self.samples = self.clock.lap(), loop.samples - self.first


def fit(
    data: Any, net: nn.Module | str, name: str, given: dict[str, Any]
) -> tuple[tl.Learner, PassClock, float]:
    """Train one epoch in a run of its own; the learner, its clock and the whole call's seconds."""
    watch = PassClock()
    learn = tl.Learner(data, net, hooks=[watch], run=Path.cwd() / name, quiet=True, **given)
    clock = Clock()
    learn.fit()
    return learn, watch, clock.lap()


def plain_adam(rate: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    def make(module: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(module.parameters(), rate, fused=True)

    return make


def splits(train: int, rest: int) -> dict[str, np.ndarray]:
    """The first `train` rows learn; those after them are shared out between the other splits."""
    edges = [train, train + rest // 10, train + rest // 5, train + rest]
    names = ("valid", "calibrate", "test")
    return {
        "train": np.arange(train),
        **{name: np.arange(a, b) for name, a, b in zip(names, edges, edges[1:], strict=False)},
    }


def held_out_accuracy(learn: tl.Learner) -> float:
    """Accuracy over every row that was not trained on: the whole official test set."""
    names = ("valid", "calibrate", "test")
    hits = {name: learn.validate(name)[f"{name}/accuracy"] for name in names}
    counts = {name: len(learn.data.splits[name]) for name in names}
    return sum(hits[name] * counts[name] for name in names) / sum(counts.values())


def mnist_epoch(variant: str, config: Config, seed: int) -> Result:
    """`variant` is default (numerics measured), fp32 or bf16."""
    digits = mnist(int(config["train_rows"]), int(config["test_rows"]))
    given = {
        **GIVEN[variant],
        "optimizer": plain_adam(float(config["rate"])),
        "schedule": "constant",
        "clip": 0.0,
        "label_smoothing": 0.0,
        "augment": False,
        "batch_size": int(config["batch"]),
        "epochs": int(config["epochs"]),
        "seed": seed,
        "threads": int(config["threads"]),
    }

    def arrays(train: int) -> Any:
        images = np.concatenate([digits.train_images[:train], digits.test_images])
        labels = np.concatenate([digits.train_labels[:train], digits.test_labels])
        return tl.arrays(images, labels, splits=splits(train, len(digits.test_labels)))

    torch.manual_seed(seed)
    warm = int(config["warm_batches"]) * int(config["batch"])
    fit(arrays(warm), two_conv_net(), "warm", given)
    data = arrays(len(digits.train_labels))
    wait_for_start()
    learn, watch, seconds = fit(data, two_conv_net(), "run", given)
    return {
        "samples_per_second": watch.samples / watch.seconds,
        "fit_seconds": seconds,
        "accuracy": held_out_accuracy(learn),
        "numerics": learn.plan.numerics.label(),
    }


class NumbersOnly(nn.Sequential):
    """A net of plain numbers that takes what tilth hands out for a table."""

    def forward(self, inputs: Any) -> torch.Tensor:
        for layer in self:
            inputs = layer(inputs[0] if isinstance(inputs, tuple) else inputs)
        return inputs


def overhead(variant: str, config: Config, seed: int) -> Result:
    """The defaults of the flow: fused AdamW, clip, one cycle, finite check, checkpoints."""
    size, steps = int(config["batch"]), int(config["steps"])
    given = {
        "batch_size": size,
        "lr": float(config["rate"]),
        "epochs": 1,
        "seed": seed,
        "threads": 1,
        "dtype": "float32",
        "channels_last": False,
    }

    def arrays(count: int) -> Any:
        inputs, labels = mlp_rows(count * size + 1000)
        return tl.arrays(inputs, labels, splits=splits(count * size, 1000))

    torch.manual_seed(seed)
    fit(arrays(int(config["warm_steps"])), NumbersOnly(*small_mlp()), "warm", given)
    data = arrays(steps)
    wait_for_start()
    learn, watch, _ = fit(data, NumbersOnly(*small_mlp()), "run", given)
    return {
        "microseconds_per_step": 1e6 * watch.seconds / (watch.samples / size),
        "processor_microseconds": 1e6 * watch.clock.processor / (watch.samples / size),
        "accuracy": learn.validate("train")["train/accuracy"],
    }


if __name__ == "__main__":
    main({"mnist": mnist_epoch, "overhead": overhead})
