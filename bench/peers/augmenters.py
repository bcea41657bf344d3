"""kornia, torchvision and fastai on batches of pictures in memory: the same changes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.arm import Config, Result, main
from bench.batches import DEVIATION, MEAN, throughput

Change = Callable[[Tensor, Tensor], Tensor]


def with_kornia() -> Change:
    """Its sequence for whole batches; what lies outside is mirrored where kornia offers that."""
    from kornia import augmentation as ka

    changes = ka.AugmentationSequential(
        ka.RandomHorizontalFlip(p=0.5),
        ka.RandomAffine(10.0, scale=(1.0, 1.1), padding_mode="reflection", p=1.0),
        ka.RandomPerspective(0.2, p=1.0),
        ka.ColorJitter(brightness=0.2, contrast=0.2, p=1.0),
        ka.Normalize(torch.tensor(MEAN), torch.tensor(DEVIATION)),
        data_keys=["input"],
    )

    def change(raw: Tensor, rows: Tensor) -> Tensor:
        return changes(raw.float() / 255)

    return change


def with_torchvision() -> Change:
    """Its transforms on uint8 tensors, as it advises, one picture after the other."""
    from torchvision.transforms import v2

    changes = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(10, scale=(1.0, 1.1), interpolation=v2.InterpolationMode.BILINEAR),
            v2.RandomPerspective(0.2, p=1.0),
            v2.ColorJitter(brightness=0.2, contrast=0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, DEVIATION),
        ]
    )

    def change(raw: Tensor, rows: Tensor) -> Tensor:
        return torch.stack([changes(picture) for picture in raw])

    return change


def with_fastai() -> Change:
    """Its batch transforms as a DataLoader runs them on a training batch."""
    from fastai.data.transforms import IntToFloatTensor, Normalize
    from fastai.torch_core import TensorImage
    from fastai.vision.augment import aug_transforms
    from fasttransform import Pipeline

    changes = Pipeline(
        [
            IntToFloatTensor(),
            *aug_transforms(),
            Normalize.from_stats(MEAN, DEVIATION, cuda=False),
        ],
        split_idx=0,
    )

    def change(raw: Tensor, rows: Tensor) -> Tensor:
        return changes(TensorImage(raw)).as_subclass(Tensor)

    return change


ARMS = {"kornia": with_kornia, "torchvision": with_torchvision, "fastai": with_fastai}


def augmenting(variant: str, config: Config, seed: int) -> Result:
    """`variant` is kornia, torchvision or fastai."""
    torch.manual_seed(seed)
    with torch.no_grad():
        return throughput(ARMS[variant](), config)


if __name__ == "__main__":
    main({"augmenting": augmenting})
