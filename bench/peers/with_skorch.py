"""skorch: NeuralNetClassifier over numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from torch.optim.lr_scheduler import OneCycleLR

from bench.arm import Clock, Config, Result, main, wait_for_start
from bench.workload import mlp_rows, mnist, normalised, small_mlp, two_conv_net


class EpochClock(Callback):
    """Seconds of each training pass, without what `fit` does around it."""

    def on_train_begin(self, net: NeuralNetClassifier, **_: Any) -> None:
        self.seconds: list[float] = []

    def on_epoch_begin(self, net: NeuralNetClassifier, **_: Any) -> None:
        self.clock = Clock()

    def on_epoch_end(self, net: NeuralNetClassifier, **_: Any) -> None:
        self.seconds.append(self.clock.lap())


class HalfClassifier(NeuralNetClassifier):
    """Autocast in the training step: skorch alone, without accelerate, has no mixed precision."""

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        with torch.autocast("cpu", torch.bfloat16):
            return super().train_step_single(batch, **fit_params)

    def initialize_module(self) -> NeuralNetClassifier:
        super().initialize_module()
        self.module_ = self.module_.to(memory_format=torch.channels_last)
        return self


def mnist_epoch(variant: str, config: Config, seed: int) -> Result:
    digits = mnist(int(config["train_rows"]), int(config["test_rows"]))
    inputs, labels, batch = normalised(digits.train_images), digits.train_labels, config["batch"]
    kind = HalfClassifier if variant == "bf16" else NeuralNetClassifier

    def classifier(epochs: int) -> NeuralNetClassifier:
        return kind(
            two_conv_net,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            optimizer__fused=True,
            lr=float(config["rate"]),
            batch_size=int(batch),
            max_epochs=epochs,
            train_split=None,
            iterator_train__shuffle=True,
            callbacks=[("clock", EpochClock())],
            verbose=0,
        )

    torch.manual_seed(seed)
    warm = int(config["warm_batches"]) * int(batch)
    classifier(1).fit(inputs[:warm], labels[:warm])
    wait_for_start()
    net, clock = classifier(int(config["epochs"])), Clock()
    net.fit(inputs, labels)
    fit_seconds = clock.lap()
    seconds = sum(dict(net.callbacks_)["clock"].seconds)
    guess = net.predict(normalised(digits.test_images))
    return {
        "samples_per_second": len(labels) * int(config["epochs"]) / seconds,
        "fit_seconds": fit_seconds,
        "accuracy": float(np.mean(guess == digits.test_labels)),
        "numerics": "bf16 autocast, channels_last" if variant == "bf16" else "fp32",
    }


def overhead(variant: str, config: Config, seed: int) -> Result:
    size, steps = int(config["batch"]), int(config["steps"])
    inputs, labels = mlp_rows(size * steps)

    def classifier(count: int) -> NeuralNetClassifier:
        cycle = LRScheduler(
            OneCycleLR, step_every="batch", max_lr=float(config["rate"]), total_steps=count + 1
        )
        return NeuralNetClassifier(
            small_mlp,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            optimizer__fused=True,
            optimizer__betas=(0.95, 0.99),
            lr=float(config["rate"]),
            batch_size=size,
            max_epochs=1,
            train_split=None,
            iterator_train__shuffle=True,
            callbacks=[
                ("clock", EpochClock()),
                ("clip", GradientNormClipping(1.0)),
                ("cycle", cycle),
            ],
            verbose=0,
        )

    torch.manual_seed(seed)
    warm = int(config["warm_steps"])
    classifier(warm).fit(inputs[: warm * size], labels[: warm * size])
    wait_for_start()
    net = classifier(steps).fit(inputs, labels)
    watch = dict(net.callbacks_)["clock"]
    seconds = sum(watch.seconds)
    return {
        "microseconds_per_step": 1e6 * seconds / steps,
        "processor_microseconds": 1e6 * watch.clock.processor / steps,
        "accuracy": float(np.mean(net.predict(inputs) == labels)),
    }


if __name__ == "__main__":
    main({"mnist": mnist_epoch, "overhead": overhead})
