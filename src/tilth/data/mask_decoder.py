"""From a mask's file to the class of each pixel, brought to the size of its picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tilth.data.decoder import Fit, fitted
from tilth.data.open_image import MAX_PIXELS, BadImage, Source, read_values
from tilth.errors import UserError, choose

VOID = 255
"""The class of pixels that nobody said anything about: they are not learned from nor judged."""
NO_CLASS = "which stands for no class"
UNKNOWN = 254  # in a table: a value that stands for nothing


@dataclass(frozen=True)
class MaskDecoder:
    """How a mask becomes a uint8 tensor [height, width]; a plain, picklable value.

    table: value in the file -> class, VOID or UNKNOWN, for the values from 0 on
    fit: as that of the pictures; the bars of "pad" are VOID. The nearest pixel is taken.

    >>> MaskDecoder(1, 2, table=(0, VOID, 1))(Image.fromarray(np.uint8([[2, 1]])))
    tensor([[  1, 255]], dtype=torch.uint8)
    """

    height: int
    width: int
    table: tuple[int, ...]
    fit: Fit = "squash"
    max_pixels: int = MAX_PIXELS

    @property
    def shape(self) -> tuple[int, int]:
        """Height, width."""
        return self.height, self.width

    def __call__(self, source: Source) -> Tensor:
        """Return the classes of a path, the bytes of a file, or a PIL picture.

        Raises BadImage where it cannot be read or holds a value that stands for nothing.
        """
        values = np.asarray(read_values(source, max_pixels=self.max_pixels))
        known = np.full(256, UNKNOWN, dtype=np.uint8)
        known[: len(self.table)] = self.table
        found = known[values]
        if (found == UNKNOWN).any():
            value = int(values[found == UNKNOWN][0])
            raise BadImage(f"a mask with the value {value}, {NO_CLASS}")
        size = (self.width, self.height)
        mask = fitted(Image.fromarray(found), size, self.fit, nearest=True, bars=VOID)
        return torch.from_numpy(np.array(mask))


@dataclass(frozen=True)
class MaskClasses:
    """What the values of masks stand for.

    labels: the classes; table: see MaskDecoder
    """

    labels: tuple[str, ...]
    table: tuple[int, ...]

    @property
    def values(self) -> tuple[int, ...]:
        """What stands for each label in files, and last for void: the highest free one if none.

        >>> MaskClasses(("sky", "road"), (VOID, 0, UNKNOWN, 1)).values
        (1, 3, 0)
        >>> MaskClasses(("sky", "road"), (0, 1)).values
        (0, 1, 255)
        """
        if not self.labels:
            return ()
        said = [self.table.index(k) for k in range(len(self.labels))]
        free = next((value for value in range(VOID, -1, -1) if value not in said), VOID)
        return (*said, self.table.index(VOID) if VOID in self.table else free)


def mask_classes(seen: list[int], names: tuple[str, ...], void: tuple[str, ...]) -> MaskClasses:
    """Return which classes the values of masks stand for.

    seen: the values in masks, looked at where ``names`` are not given; names: of the values from
    0 on; void: names or values that stand for "not said"
    Raises UserError for a name that stands twice, and for a void one that there is not.

    >>> mask_classes([], ("sky", "void", "road"), ("void",))
    MaskClasses(labels=('sky', 'road'), table=(0, 255, 1))
    """
    called = dict(enumerate(names)) if names else {value: str(value) for value in seen}
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"names with {twice[0]!r} twice", rule="each class has a name of its own")
    numbers = {name: value for value, name in called.items()}
    nothing = {_void_value(one, numbers, bool(names)) for one in void}
    labels: list[str] = []
    table = [UNKNOWN] * (max([*called, *nothing], default=-1) + 1)
    for value in sorted({*called, *nothing}):
        if value in nothing:
            table[value] = VOID
        else:
            table[value] = len(labels)
            labels.append(called[value])
    return MaskClasses(tuple(labels), tuple(table))


def _void_value(said: str, numbers: Mapping[str, int], named: bool) -> int:
    """Return the value that is not counted; beyond the names it may be any that a mask can hold."""
    if said in numbers:
        return numbers[said]
    if named and said.isdecimal() and int(said) <= VOID:
        return int(said)
    return numbers[choose(said, numbers, "void")]
