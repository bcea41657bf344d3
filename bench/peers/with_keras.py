"""Keras 3 over numpy arrays, on its torch or its jax backend (the variant's first word)."""

from __future__ import annotations

import os
import sys

# The backend is chosen when keras is imported; jax counts its threads when it starts.
os.environ["KERAS_BACKEND"] = sys.argv[2].split("_")[0] if len(sys.argv) > 2 else "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import keras
import numpy as np
from keras import layers

from bench.arm import Clock, Config, Result, main, wait_for_start
from bench.workload import mlp_rows, mnist, normalised


class EpochClock(keras.callbacks.Callback):
    """Seconds of the training passes, without what `fit` does around them."""

    @property
    def seconds(self) -> float:
        return sum(self.passes)

    def on_train_begin(self, logs: object = None) -> None:
        self.passes: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.clock = Clock()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.passes.append(self.clock.lap())


def reset(model: keras.Model, weights: list[np.ndarray]) -> None:
    """Back to the start with the compiled step kept: compiling is not part of an epoch."""
    model.set_weights(weights)
    for variable in model.optimizer.variables:
        if variable is not model.optimizer.learning_rate:
            variable.assign(np.zeros(variable.shape, dtype=variable.dtype))


def two_conv_model() -> keras.Model:
    """The layers of `workload.two_conv_net`, channels last as Keras has them by default."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, dtype="float32"),
        ]
    )


def mnist_epoch(variant: str, config: Config, seed: int) -> Result:
    digits = mnist(int(config["train_rows"]), int(config["test_rows"]))
    inputs = normalised(digits.train_images).transpose(0, 2, 3, 1)
    test = normalised(digits.test_images).transpose(0, 2, 3, 1)
    labels, size, epochs = digits.train_labels, int(config["batch"]), int(config["epochs"])
    keras.utils.set_random_seed(seed)
    half = variant.endswith("bf16")
    keras.config.set_dtype_policy("mixed_bfloat16" if half else "float32")
    model = two_conv_model()
    model.compile(
        keras.optimizers.Adam(float(config["rate"])),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    start = model.get_weights()
    # The last, smaller batch has a shape of its own, which jax compiles for too.
    warm = int(config["warm_batches"]) * size + len(labels) % size
    model.fit(inputs[:warm], labels[:warm], batch_size=size, verbose=0)
    reset(model, start)
    wait_for_start()
    watch, clock = EpochClock(), Clock()
    model.fit(inputs, labels, batch_size=size, epochs=epochs, verbose=0, callbacks=[watch])
    fit_seconds = clock.lap()
    guess = model.predict(test, batch_size=500, verbose=0).argmax(1)
    return {
        "samples_per_second": len(labels) * epochs / watch.seconds,
        "fit_seconds": fit_seconds,
        "accuracy": float(np.mean(guess == digits.test_labels)),
        "numerics": "mixed_bfloat16" if half else "fp32",
    }


def overhead(variant: str, config: Config, seed: int) -> Result:
    size, steps, rate = int(config["batch"]), int(config["steps"]), float(config["rate"])
    inputs, labels = mlp_rows(size * steps)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((32,)), layers.Dense(32, activation="relu"), layers.Dense(10)]
    )
    cycle = keras.optimizers.schedules.CosineDecay(
        rate / 25, steps - steps // 4, warmup_target=rate, warmup_steps=steps // 4
    )
    model.compile(
        keras.optimizers.AdamW(cycle, weight_decay=0.01, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    start, warm = model.get_weights(), int(config["warm_steps"]) * size
    model.fit(inputs[:warm], labels[:warm], batch_size=size, verbose=0)
    reset(model, start)
    watch, finite = EpochClock(), keras.callbacks.TerminateOnNaN()
    wait_for_start()
    model.fit(inputs, labels, batch_size=size, verbose=0, callbacks=[watch, finite])
    guess = model.predict(inputs, batch_size=4096, verbose=0).argmax(1)
    return {
        "microseconds_per_step": 1e6 * watch.seconds / steps,
        "processor_microseconds": 1e6 * watch.clock.processor / steps,
        "accuracy": float(np.mean(guess == labels)),
    }


if __name__ == "__main__":
    main({"mnist": mnist_epoch, "overhead": overhead})
