"""What is chosen for picture files where the caller does not say: channels, size, place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tilth.data.decoder import Fit
from tilth.data.memory import available_memory_bytes
from tilth.data.open_image import Header
from tilth.nn.sizes import height_width
from tilth.wording import counted, size

_USUAL_SIZE = 128
_SMALL_SIZE = 64  # pictures that are all of one size up to this are kept as they are
_ALIKE = 1.5  # ratio up to which proportions count as alike: 4:3 and 16:9 do, upright and wide not
_MEMORY_SHARE = 0.4  # of what is available; the model and the rest of the world need some


def choose_channels(headers: Sequence[Header], grey: bool | None, notes: list[str]) -> int:
    """Return 1 or 3, saying why, and what was done to turned and moving pictures."""
    plain = sum(header.grey for header in headers)
    if grey is None:
        grey = plain == len(headers)
        notes.append("all files are grey: one channel" if grey else "three channels (colour)")
        if plain and not grey:
            notes.append(f"files that are grey among colour ones: {plain} of {len(headers)}")
    else:
        notes.append(f"grey={grey}: {'one channel' if grey else 'three channels'}")
    turned = sum(header.rotated for header in headers)
    if turned:
        what = counted(turned, "photograph is", "photographs are")
        notes.append(f"{what} turned upright as EXIF data says")
    moving = sum(header.animated for header in headers)
    if moving:
        what = counted(moving, "file is an animation", "files are animations")
        notes.append(f"{what}: the first frame is used")
    return 1 if grey else 3


def choose_size(
    headers: Sequence[Header], size: int | Sequence[int] | None, fit: Fit, notes: list[str]
) -> tuple[int, int]:
    """Return height and width in pixels, saying why."""
    sizes = Counter((header.height, header.width) for header in headers)
    shorter = int(np.median([min(header.width, header.height) for header in headers]))
    (common, times) = sizes.most_common(1)[0]
    if size is not None:
        height, width = height_width(size, at_least=4)
        notes.append(f"size={size}: pictures become {width} x {height} px ({fit})")
        if min(height, width) > shorter:
            notes.append(f"that enlarges most pictures: their shorter side is {shorter} px")
        return height, width
    if times == len(headers) and max(common) <= _SMALL_SIZE:
        notes.append(f"all pictures are {common[1]} x {common[0]} px and stay so")
        return common
    side = min(_USUAL_SIZE, shorter)
    notes.append(
        f"pictures become {side} x {side} px ({fit}); the median of their shorter sides is "
        f"{shorter} px (another: size=)"
    )
    return side, side


def choose_fit(headers: Sequence[Header], fit: Fit | None, notes: list[str]) -> Fit:
    """Return how proportions are changed, saying why.

    Measured on 10,000 CIFAR pictures reframed to 21..32 px and brought to 24 px, with a small
    net from scratch: where upright and wide frames are mixed, cropping is better than squashing
    (by 2 to 4 points of accuracy); where all frames are alike, squashing is (by 2.5).
    """
    if fit is not None:
        return fit
    proportions = [header.width / header.height for header in headers]
    low, high = np.quantile(proportions, [0.05, 0.95])
    if high <= _ALIKE * low:
        return "squash"
    notes.append(
        f"proportions differ (width / height from {low:.2g} to {high:.2g}), so the middle of each "
        'picture is cropped (fit="squash" and fit="pad" keep all of it)'
    )
    return "crop"


def choose_resident(
    count: int,
    bytes_each: int,
    resident: bool | None,
    memory_budget: int | None,
    notes: list[str],
) -> bool:
    """Return whether the pixels are held in memory, saying how much they take.

    bytes_each: of a picture, with what is wanted of it where that is a mask or a picture
    memory_budget: bytes they may take, by default a share of what is available; resident: the
    caller's choice, which wins
    """
    need = count * bytes_each
    budget = memory_budget
    if budget is None:
        budget = int(_MEMORY_SHARE * available_memory_bytes())
    hold = need <= budget if resident is None else resident
    why = f"{size(need)} of pixels, {size(budget)} may be used"
    if resident is not None:
        why += f", resident={resident}"
    notes.append(f"{'held in memory' if hold else 'decoded when needed'}: {why}")
    return hold
