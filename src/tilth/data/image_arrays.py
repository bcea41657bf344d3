"""Pictures that are in memory already: NumPy arrays and torch tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from tilth.data.augment import Wish, check_wish
from tilth.data.dataset import Kind
from tilth.data.decoder import Decoder
from tilth.data.given_splits import given_splits
from tilth.data.image_assemble import Gathered, Labels, assemble
from tilth.data.image_partners import PartnersRead
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.image_set import ImageData
from tilth.data.label_table import ASKED
from tilth.data.mask_decoder import VOID
from tilth.data.pixel_arrays import as_bytes, batch_channels_first, opaque
from tilth.data.resident_store import ResidentStore
from tilth.data.split import FRACTIONS
from tilth.errors import UserError, choose
from tilth.nn.sizes import height_width
from tilth.wording import counted

Pixels = NDArray[Any]


def image_arrays(
    images: ArrayLike | Tensor,
    labels: ArrayLike | Tensor | Sequence[str] | None = None,
    *,
    splits: Mapping[str, ArrayLike] | None = None,
    task: str | None = None,
    size: int | Sequence[int] | None = None,
    augment: Wish = True,
    split_seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    max_bad: float = 0.01,
    name: str = "arrays",
) -> ImageData:
    """Make a data set of pictures in memory.

    images: [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels; whole numbers are
        0..255 (uint16: 0..65535); floats are kept as they are, whatever their range, or stored
        in 8 bits where nothing is lost by it
    labels: [N] class names or numbers, or numbers to predict; None where nothing is wanted; see
        ``task`` for other shapes
    splits: split name -> rows; what is missing of train, valid, test is taken out of train
    task: "classify" or "regress"; by default labels that are floats and not all whole numbers
        are to be regressed, all others are classes; "multilabel": labels are [N, K], 0 or 1;
        "keypoints": [N, P, 2], (x, y) in px, NaN where missing, which what lies outside is too;
        "segment": [N, H, W], the class of each pixel, 255 where it is not said
    size: resized to so many pixels (one number, or height and width)
    augment: True for the defaults of this size, some fields of ``Augment`` that differ from
        them, or False for none
    max_bad: share of rows whose label train lacks, up to which they are left out

    Raises UserError for shapes, values and labels that do not fit, saying which.

    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits()
    >>> data = image_arrays(digits.images, digits.target)
    >>> data.model_arguments()
    {'channels': 1, 'size': 8}
    """
    check_wish(augment)
    notes: list[str] = []
    planes = batch_channels_first(_array(images))
    told = _told(labels, task, notes)
    values = told.labels
    count = len(planes) if values is None else len(values)
    if count != len(planes) or len(planes) == 0:
        raise UserError(
            f"{len(planes)} pictures and {count} labels", rule="each picture has one label"
        )
    pixels, bounds = _pixels(planes, notes)
    _check_places(told, pixels.shape[2:], size)
    if size is not None:
        pixels = _resized(pixels, height_width(size, at_least=4))
        notes.append(f"resized to {pixels.shape[3]} x {pixels.shape[2]} px")
    channels, height, width = pixels.shape[1:]
    notes.append(
        f"{counted(len(pixels), 'picture')} of {width} x {height} px, "
        f"{counted(channels, 'channel')}"
    )
    gathered = Gathered(
        name=name,
        store=ResidentStore(torch.from_numpy(pixels)),
        labels=values if told.kind != "mask" else [""] * len(pixels),
        kind=told.kind,
        names=told.names,
        wanted=_masks(told),
        given=given_splits(splits, len(pixels)),
        keys=_content_keys(pixels),
        decoder=Decoder(height, width, channels),
        dtype="uint8" if pixels.dtype == np.uint8 else "float32",
        value_range=bounds,
        notes=notes,
    )
    return assemble(
        gathered, split_seed=split_seed, fractions=fractions, augment=augment, max_bad=max_bad
    )


def _check_places(told: _Told, sides: tuple[int, ...], size: int | Sequence[int] | None) -> None:
    """Raise UserError where what is marked in pictures does not lie where the pixels do."""
    if told.kind == "mask" and told.labels.shape[1:] != sides:
        raise UserError(
            f"masks of {told.labels.shape[1:]} for pictures of {sides}",
            rule="a mask is as large as its picture",
        )
    if size is not None and told.kind in ("mask", "points"):
        raise UserError(
            f"size={size} for arrays with {told.kind}",
            rule="what is marked in pictures would have to move with them",
            fix="bring both to one size before",
        )


def _array(values: ArrayLike | Tensor) -> Pixels:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


@dataclass(frozen=True)
class _Told:
    """What is wanted of each picture: see ``image_assemble.Gathered``."""

    kind: Kind
    labels: Labels
    names: tuple[str, ...] = ()


def _told(labels: Any, task: str | None, notes: list[str]) -> _Told:
    if labels is None:
        return _Told("classes", None)
    if task is not None:
        choose(task, (*ASKED, "segment"), "task")
    array = _array(labels)
    if task == "multilabel":
        return _told_labels(array)
    if task == "keypoints":
        if array.ndim != 3 or array.shape[2] != 2 or array.dtype.kind not in "iuf":
            raise UserError(
                f"points of shape {array.shape}", rule="points are [N, P, 2], (x, y) in px each"
            )
        names = tuple(map(str, range(array.shape[1])))
        return _Told("points", array.astype(np.float32), names)
    if task == "segment":
        return _told_masks(array)
    found = _labels(array, task, notes)
    return _Told("number" if isinstance(found, np.ndarray) else "classes", found)


def _told_labels(array: Pixels) -> _Told:
    if array.ndim != 2 or not np.isin(array, (0, 1)).all():
        raise UserError(
            f"labels of shape {array.shape} for multilabel",
            rule="several labels are [N, K], each 0 or 1",
        )
    names = tuple(map(str, range(array.shape[1])))
    rows = [tuple(names[place] for place in np.flatnonzero(row)) for row in array]
    return _Told("labels", rows, names)


def _told_masks(array: Pixels) -> _Told:
    if array.ndim != 3 or array.dtype.kind not in "bui" or array.min() < 0 or array.max() > VOID:
        raise UserError(
            f"masks of {array.dtype} {array.shape}",
            rule=f"masks are [N, H, W], whole numbers from 0, {VOID} where nothing is said",
        )
    said = array[array != VOID]
    count = int(said.max()) + 1 if said.size else 0
    if count < 2:
        raise UserError(
            f"masks of {counted(count, 'class')}", rule="a mask tells at least two classes apart"
        )
    return _Told("mask", array.astype(np.uint8), tuple(map(str, range(count))))


def _masks(told: _Told) -> PartnersRead | None:
    if told.kind != "mask":
        return None
    store = ResidentStore(torch.from_numpy(told.labels))
    return PartnersRead(store, told.names, _content_keys(told.labels), {})


def _labels(array: Pixels, task: str | None, notes: list[str]) -> Labels:
    if array.ndim != 1:
        raise UserError(
            f"labels of shape {array.shape}",
            rule="labels are [N], one for each picture",
            fix="for one-hot labels give labels.argmax(1); for several labels of a picture "
            "task='multilabel'"
            if array.ndim == 2
            else "",
        )
    floats = array.dtype.kind == "f"
    if floats and not np.isfinite(array).all():
        raise UserError(f"{int((~np.isfinite(array)).sum())} labels are not finite numbers")
    whole = array.dtype.kind in "iub" or (floats and bool((array == np.round(array)).all()))
    if task == "regress" or (task is None and floats and not whole):
        if array.dtype.kind not in "iufb":
            raise UserError(f"labels of type {array.dtype}", rule="only numbers can be regressed")
        notes.append("the labels are numbers to predict (classes: task='classify')")
        return array.astype(np.float64)
    if floats and whole:
        array = array.astype(np.int64)
        if task is None:
            notes.append("the labels are whole numbers, taken as classes (else: task='regress')")
    return [str(label) for label in array.tolist()]


def _pixels(planes: Pixels, notes: list[str]) -> tuple[Pixels, tuple[float, float] | None]:
    """Return contiguous uint8 or float32 pixels, and black and white where they are known."""
    if planes.dtype.kind != "f":
        pixels = opaque(as_bytes(planes), 255)
        if planes.dtype != np.uint8:
            notes.append(f"{planes.dtype} pixels are brought to 8 bits")
        return np.ascontiguousarray(pixels), (0.0, 255.0)
    if not np.isfinite(planes).all():
        rows = np.flatnonzero(~np.isfinite(planes).all(axis=(1, 2, 3)))
        raise UserError(
            f"{len(rows)} pictures hold pixels that are not finite, the first in row {rows[0]}",
            fix="replace or remove them",
        )
    if planes.min() < 0 or planes.max() > 1:
        if planes.shape[1] == 4:
            raise UserError("4 channels of floats beyond 0..1", fix="remove the fourth channel")
        return np.ascontiguousarray(planes, dtype=np.float32), None
    planes = opaque(planes, 1.0)
    scaled = planes * 255.0
    if np.abs(scaled - np.rint(scaled)).max() < 1e-3:
        notes.append("float pixels are 8-bit values divided by 255, and are held as such")
        return np.ascontiguousarray(np.rint(scaled).astype(np.uint8)), (0.0, 255.0)
    notes.append("float pixels from 0 (black) to 1 (white) are kept as floats")
    return np.ascontiguousarray(planes, dtype=np.float32), (0.0, 1.0)


def _resized(pixels: Pixels, size: Sequence[int]) -> Pixels:
    channels = pixels.shape[1]
    dtype: Literal["uint8", "float32"] = "uint8" if pixels.dtype == np.uint8 else "float32"
    zero, one = (0.0,) * channels, (1.0,) * channels
    resize = ImagePreprocessor(size[0], size[1], channels, zero, one, dtype=dtype)
    return resize.pixels(list(pixels)).numpy()


def _content_keys(pixels: Pixels) -> NDArray[np.uint64]:
    digests = (hashlib.blake2b(row, digest_size=8).digest() for row in pixels)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
