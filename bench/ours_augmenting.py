"""tilth's arm of augmentation: the batch transform that its training source calls."""

from __future__ import annotations

from torch import Tensor

from bench.arm import Config, Result, main
from bench.batches import DEVIATION, MEAN, throughput
from tilth.data.augment import Augment
from tilth.data.image_prepare import ImagePrepare
from tilth.data.image_preprocessor import ImagePreprocessor


def augmenting(variant: str, config: Config, seed: int) -> Result:
    """`variant` is usual: the default changes of pictures over 64 px."""
    side = int(config["size_px"])
    mean, std = (tuple(255 * value for value in values) for values in (MEAN, DEVIATION))
    ready = ImagePreprocessor(side, side, 3, mean, std)
    prepare = ImagePrepare(ready, Augment(), seed)

    def change(raw: Tensor, rows: Tensor) -> Tensor:
        return prepare(raw, rows, 0)

    return throughput(change, config)


if __name__ == "__main__":
    main({"augmenting": augmenting})
