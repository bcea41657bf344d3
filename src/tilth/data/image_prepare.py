"""From a raw batch of pictures to model inputs: normalised, and augmented for training."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from tilth.data.augment import Augment
from tilth.data.augment_pictures import augment_pictures
from tilth.data.image_preprocessor import ImagePreprocessor


@dataclass(frozen=True)
class ImagePrepare:
    """The batch transform of a set of pictures.

    augment: what training pictures go through; None for evaluation, which is then exactly what
    the preprocessor does to new pictures
    """

    preprocessor: ImagePreprocessor
    augment: Augment | None = None
    seed: int = 0

    def __call__(self, raw: Tensor, keys: Tensor, epoch: int) -> Tensor:
        """Return float32 [B, C, H, W] for raw pixels [B, C, H, W] and their row ids [B]."""
        if self.augment is None:
            return self.preprocessor.normalised(raw)
        mean, std = self.preprocessor.statistics(raw.device)
        return augment_pictures(
            raw,
            keys.to(raw.device),
            epoch,
            augment=self.augment,
            mean=mean,
            std=std,
            seed=self.seed,
            bounds=self.preprocessor.value_range,
        )
