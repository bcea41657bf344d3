"""Pictures of black and white by chance: each pixel is white with its brightness as the chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tilth.data.dataset import Prepare
from tilth.randomness import uniform


@dataclass(frozen=True)
class BlackOrWhite:
    """A batch transform whose inputs in [0, 1] become 0 or 1 (Salakhutdinov and Murray 2008).

    prepare: what gives the inputs; seed: the draws are a function of (seed, epoch, row), so that
    each epoch of training sees others (Burda et al. 2016, section 5.1), and judging the same
    """

    prepare: Prepare
    seed: int = 0

    def __call__(self, raw: Any, keys: Tensor, epoch: int) -> Tensor:
        """Return float32 zeros and ones in the shape of the inputs."""
        inputs: Tensor = self.prepare(raw, keys, epoch)
        rows, count = keys.to(inputs.device), inputs[0].numel()
        draws = uniform(rows, count, seed=self.seed, stream="black or white", epoch=epoch)
        return (draws.reshape(inputs.shape) < inputs).to(inputs.dtype)
