"""Keras 3 on a folder of small photographs."""

from __future__ import annotations

# with_keras names the backend before keras is imported: it comes first
from bench.peers.with_keras import EpochClock, keras, layers  # isort: skip

import numpy as np
from numpy.typing import NDArray

from bench.arm import Config, Result, main
from bench.photographs import DEVIATION, MEAN, Trained, fill, photographs


def read(part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures [N, 32, 32, 3] and class ids [N], read by its own reader of files."""
    place = photographs() / part
    classes = sorted(one.name for one in place.iterdir())
    files = [
        (file, label) for label, name in enumerate(classes) for file in (place / name).iterdir()
    ]
    pictures = [
        keras.utils.img_to_array(keras.utils.load_img(file), dtype="uint8") for file, _ in files
    ]
    return np.stack(pictures), np.array([label for _, label in files])


def picture_model(config: Config) -> keras.Model:
    """The layers of `workload.small_picture_net`, after its layers that change pictures."""
    side, shift = int(config["size_px"]), int(config["shift_px"])
    picture = keras.Input((side, side, 3))
    x = layers.Normalization(
        mean=[255 * value for value in MEAN], variance=[(255 * value) ** 2 for value in DEVIATION]
    )(picture)
    x = layers.RandomFlip("horizontal")(x)
    part = shift / side
    x = layers.RandomTranslation(part, part, fill_mode="reflect", interpolation="nearest")(x)
    x = layers.Conv2D(24, 3, padding="same", activation="relu")(x)
    for width in (64, 128, 256):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        y = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = x + layers.ReLU()(layers.BatchNormalization(momentum=0.9)(y))
    return keras.Model(picture, layers.Dense(10, dtype="float32")(layers.GlobalMaxPooling2D()(x)))


def images(variant: str, config: Config, seed: int) -> Result:
    """`variant` is torch, with _bf16 for mixed precision."""
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if variant.endswith("bf16") else "float32")
    size, rate = int(config["batch"]), float(config["rate"])

    def train(epochs: int) -> Trained:
        pictures, labels = read("train")
        steps = epochs * -(-len(labels) // size)
        cycle = keras.optimizers.schedules.CosineDecay(
            rate / 25, steps - steps // 4, warmup_target=rate, warmup_steps=steps // 4
        )
        model = picture_model(config)
        model.compile(
            keras.optimizers.AdamW(cycle, weight_decay=0.01),
            keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=float(config["smoothing"])
            ),
        )
        watch = EpochClock()
        model.fit(
            pictures,
            keras.utils.to_categorical(labels, 10),
            batch_size=size,
            epochs=epochs,
            verbose=0,
            callbacks=[watch],
        )
        return watch.passes, lambda: judged(model)

    return fill(train, config, per_epoch=10_000)


def judged(model: keras.Model) -> float:
    """Accuracy on the test pictures."""
    pictures, answers = read("test")
    guesses = model.predict(pictures, batch_size=500, verbose=0)
    return float((guesses.argmax(1) == answers).mean())


if __name__ == "__main__":
    main({"images": images})
