"""What backbones of other libraries share: their weights from a file, their first layer, messages.

Nothing is downloaded, and only ``.safetensors`` files are read, which cannot carry code.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import adapt_input_conv
from torch import Tensor, nn

from tilth.errors import UserError, choose

CACHE = "cache"
"""The value of ``weights`` that means: those that the library itself would have downloaded."""
STEMS = ("own", "small")
MORE_CHANNELS = ("repeat", "zero")
_READER = "torch.load"  # only ever told: nothing here calls it
_LARGEST_PX = 512  # of the search for the smallest picture that a net takes
_COLOURS = 3


def unknown(name: str, known: Sequence[str], what: str, rule: str) -> UserError:
    """Return the error for a name that is none of those known, with the ones that are close.

    what: it is called where it was given; rule: what it has to be, in words
    """
    close = difflib.get_close_matches(name, known, n=5)
    fix = f"did you mean {close[0]!r}?" if close else "check the spelling"
    return UserError(f"unknown {what} {name!r}", rule=rule, choices=close, fix=fix)


def made_for(
    backbone: str,
    make: Callable[[], nn.Module],
    channels: int,
    sides: Sequence[int],
    *,
    own: Sequence[int] | None = None,
) -> tuple[nn.Module, int]:
    """Return a body and its number of features.

    make: the body; channels, sides: of its pictures; own: the size of a body that takes no other
    Raises UserError where it cannot take such pictures, with the least that it takes.
    """
    try:
        body = make()
        return body, feature_width(body, channels, sides)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        least = None if own else smallest_side(make, channels)
        fix = "use a net for small pictures: small_resnet, cifar_resnet"
        if own:
            fix = f"its own size is {tuple(own)}: use a size near it, or another backbone"
        elif least:
            fix = f"use pictures of {least} px or more (--set data.size={least}), or " + fix[4:]
        raise UserError(
            f"{backbone} cannot take {channels} x {sides[0]} x {sides[1]} pictures ({error})",
            fix=fix,
        ) from error


def feature_width(body: nn.Module, channels: int, sides: Sequence[int]) -> int:
    """Try the body on an empty picture; the attributes of some families disagree with it.

    Raises ValueError where it does not give one vector per picture, RuntimeError where the
    picture shrinks to nothing.
    """
    body.eval()
    place = next(body.parameters()).device
    with torch.no_grad():
        features = body(torch.zeros(1, channels, *sides, device=place))
    body.train()
    if features.ndim != 2:
        raise ValueError(f"it gives {tuple(features.shape[1:])}, not one vector per picture")
    return int(features.shape[1])


def smallest_side(make: Callable[[], nn.Module], channels: int) -> int | None:
    """Return the smallest side in px of square pictures that a body takes; None if unknown.

    make: the body; made and tried without memory for its tensors
    """
    try:
        with torch.device("meta"):
            body = make()
    except (NotImplementedError, RuntimeError):
        return None
    low, high = 0, _LARGEST_PX  # low does not fit, high does
    if not _takes(body, channels, high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _takes(body, channels, middle) else (middle, high)
    return high


def _takes(body: nn.Module, channels: int, side: int) -> bool:
    try:
        feature_width(body, channels, (side, side))
    except (AssertionError, RuntimeError, ValueError):
        return False
    return True


def with_small_stem(net: nn.Module) -> nn.Module:
    """Return a ResNet whose first layer keeps the size: 3 x 3, stride 1, and no pool after it.

    He et al. 2016, "Deep Residual Learning for Image Recognition", section 4.2, for pictures of
    32 px. Raises UserError for a net without such a stem.

    >>> from torchvision.models import resnet18
    >>> with_small_stem(resnet18())(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 1000])
    """
    parts: Any = net
    first = getattr(net, "conv1", None)
    if not isinstance(first, nn.Conv2d) or not hasattr(net, "maxpool"):
        raise UserError(
            f"stem='small' for {type(net).__name__}",
            rule="it replaces the 7 x 7 convolution and the pool of a ResNet",
            fix="leave stem out, or use a ResNet, ResNeXt or SE-ResNet",
        )
    plain = nn.Conv2d(first.in_channels, first.out_channels, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(plain.weight, mode="fan_out", nonlinearity="relu")
    parts.conv1, parts.maxpool = plain, nn.Identity()
    return net


def note_colours(net: nn.Module, mean: Sequence[float], std: Sequence[float]) -> nn.Module:
    """Return a net with a note of the colours that its weights learned from, where white is 1.

    ``learned_from`` is (mean, std), by which a learner then normalises its pictures.

    >>> note_colours(nn.Identity(), (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)).learned_from[0]
    (0.5, 0.5, 0.5)
    """
    whole: Any = net
    whole.learned_from = (tuple(mean), tuple(std))
    return net


def adapted(kernel: Tensor, channels: int, more_channels: str = "repeat") -> Tensor:
    """Return a first convolution's weights for another number of input channels.

    kernel: [out, in, height, width] for colour pictures
    more_channels: "repeat" as timm does (summed for one channel, else repeated and scaled by
    3 / channels), "zero": beyond three, those of the colours as they are and zeros

    >>> adapted(torch.ones(1, 3, 1, 1), 2).flatten()
    tensor([1.5000, 1.5000])
    >>> adapted(torch.ones(1, 3, 1, 1), 4, "zero").flatten()
    tensor([1., 1., 1., 0.])
    """
    choose(more_channels, MORE_CHANNELS, "rule for more channels")
    if more_channels == "zero" and channels > kernel.shape[1] == _COLOURS:
        return torch.cat(
            [kernel, kernel.new_zeros(len(kernel), channels - 3, *kernel.shape[2:])], 1
        )
    found: Tensor = adapt_input_conv(channels, kernel)
    return found


def load_weights(
    body: nn.Module,
    path: Path,
    *,
    channels: int,
    first: Sequence[str],
    left_out: Sequence[str],
    more_channels: str = "repeat",
    renamed: Callable[[str], str] = str,
) -> None:
    """Load the tensors of ``path`` into ``body``, or say why they do not fit.

    first: names of first convolutions, which are adapted to ``channels``
    left_out: names of classifiers, whose tensors are not wanted
    renamed: from the names of old files to those of today
    Raises UserError for a file that is none, and for tensors that lack, are too many or differ.
    """
    wanted = body.state_dict()
    found = _read(path, wanted, renamed)
    for name in first:
        kernel = found.get(f"{name}.weight")
        if kernel is not None and kernel.ndim == 4 and kernel.shape[1] != channels:
            found[f"{name}.weight"] = adapted(kernel, channels, more_channels)
    prefixes = tuple(f"{name}." for name in left_out)
    extra = [key for key in found if key not in wanted and not key.startswith(prefixes)]
    missing = [k for k in wanted if k not in found and not k.endswith("num_batches_tracked")]
    wrong = [
        f"{key} is {list(found[key].shape)} in the file, {list(value.shape)} in the model"
        for key, value in wanted.items()
        if key in found and found[key].shape != value.shape
    ]
    if extra or missing or wrong:
        parts = [
            _some("tensors the model lacks", extra),
            _some("tensors the file lacks", missing),
            _some("shapes that differ", wrong),
        ]
        raise UserError(
            f"{path} does not fit: " + "; ".join(part for part in parts if part),
            fix="name the backbone (and size) that these weights were made for",
        )
    body.load_state_dict({key: found.get(key, value) for key, value in wanted.items()})


def _read(
    path: Path, wanted: dict[str, Tensor], renamed: Callable[[str], str]
) -> dict[str, Tensor]:
    """Return the tensors of the file, without the prefix that a wrapper gave their names."""
    if path.suffix != ".safetensors":
        raise UserError(
            f"weights={str(path)!r}",
            rule="weights are read from .safetensors files only, which cannot carry code",
            fix=f"convert the file on a machine that trusts it: {conversion(path)}",
        )
    try:
        found = {renamed(key): value for key, value in load_file(path).items()}
    except FileNotFoundError as error:
        raise UserError(f"no weights file at {str(path)!r}") from error
    except SafetensorError as error:
        raise UserError(f"{path} is not a sound .safetensors file ({error})") from error
    prefixes = Counter(
        key[: -len(name)] for name in wanted for key in found if key.endswith(f".{name}")
    )
    direct = sum(name in found for name in wanted)
    if not prefixes or prefixes.most_common(1)[0][1] <= direct:
        return found
    prefix = prefixes.most_common(1)[0][0]
    return {key.removeprefix(prefix): v for key, v in found.items() if key.startswith(prefix)}


def conversion(path: Path) -> str:
    """Return the line of Python that turns a file of torch.save into one that is read here.

    >>> conversion(Path("net.pth"))[:27]
    'import torch, safetensors.t'
    """
    loaded = f'{_READER}("{path}", weights_only=True)'
    return (
        "import torch, safetensors.torch as st; "
        f'st.save_file({loaded}, "{path.with_suffix(".safetensors")}")'
    )


def _some(title: str, items: Sequence[str]) -> str:
    """Name the first three of ``items`` and how many there are."""
    listed = ", ".join(items[:3]) + (", ..." if len(items) > 3 else "")
    return f"{len(items)} {title} ({listed})" if items else ""
