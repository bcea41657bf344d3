"""The data and networks that all arms share. torch is imported only where a net is asked for."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import nn

MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's training pixels in [0, 1]


class Digits(NamedTuple):
    """MNIST: uint8 images [n, 28, 28] and int64 labels [n], train and test."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def _idx(path: Path) -> np.ndarray:
    raw = gzip.decompress(path.read_bytes())
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def mnist(train_rows: int, test_rows: int) -> Digits:
    """The first rows of MNIST from $TILTH_DATA/mnist (four gzipped idx files)."""
    if "TILTH_DATA" not in os.environ:
        raise SystemExit("TILTH_DATA is not set: name the folder that holds mnist/*-ubyte.gz")
    folder = Path(os.environ["TILTH_DATA"]) / "mnist"
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    images, labels, test_images, test_labels = (_idx(folder / f"{name}-ubyte.gz") for name in names)
    return Digits(
        images[:train_rows],
        labels[:train_rows].astype(np.int64),
        test_images[:test_rows],
        test_labels[:test_rows].astype(np.int64),
    )


def normalised(images: np.ndarray) -> np.ndarray:
    """float32 [n, 1, 28, 28] with zero mean and unit deviation, ready for a network."""
    return ((images[:, None].astype(np.float32) / 255) - MEAN) / np.float32(DEVIATION)


def two_conv_net() -> nn.Sequential:
    """The MNIST net: 3x3 conv to 32, relu, 3x3 conv to 64, relu, 2x2 max-pool, dense 128, 10 out.

    Unpadded convolutions and one pool after both, as in PyTorch's own MNIST example: 9,216
    numbers reach the dense layer, 1,199,882 parameters in all.
    """
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def small_mlp() -> nn.Sequential:
    """The overhead net, all but free: 32 inputs, one hidden layer of 32, 10 classes."""
    from torch import nn

    return nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))


def mlp_rows(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 [rows, 32] standard normal inputs and the int64 labels of a fixed linear rule."""
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((rows, 32), dtype=np.float32)
    rule = generator.standard_normal((32, 10), dtype=np.float32)
    return inputs, (inputs @ rule).argmax(1)


def strided_net() -> nn.Sequential:
    """The small step of the folder bench: three strided convolutions, pooled, 10 classes."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def small_picture_net() -> nn.Module:
    """The net of the images bench, for RGB pictures of 32 px: 1,161,642 parameters, 10 classes.

    A convolution to 24 channels; three times: convolution, 2x2 max-pool, batch norm, relu, plus a
    convolution with batch norm and relu of that (64, 128, 256 channels); global maximum, dense.
    """
    from torch import nn

    def convolved(fan_in: int, fan_out: int, *pool: nn.Module) -> nn.Sequential:
        kernel = nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=False)
        return nn.Sequential(kernel, *pool, nn.BatchNorm2d(fan_out), nn.ReLU())

    class Stage(nn.Module):
        def __init__(self, fan_in: int, fan_out: int) -> None:
            super().__init__()
            self.halve = convolved(fan_in, fan_out, nn.MaxPool2d(2))
            self.refine = convolved(fan_out, fan_out)

        def forward(self, x: Any) -> Any:
            halved = self.halve(x)
            return halved + self.refine(halved)

    return nn.Sequential(
        nn.Conv2d(3, 24, 3, padding=1),
        nn.ReLU(),
        *(Stage(fan_in, fan_out) for fan_in, fan_out in ((24, 64), (64, 128), (128, 256))),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def area_under_curve(scores: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive row scores above a negative one (rank sum; ties count half)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ups = int(positive.sum())
    downs = len(positive) - ups
    return float((ranks[positive].sum() - ups * (ups + 1) / 2) / (ups * downs))
