"""One picture in the style of another, without training a net for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tilth.arguments import checked
from tilth.contracts import Player
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.picture_size import in_own_size
from tilth.data.pixel_arrays import picture
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.errors import UserError
from tilth.nn.feature_net import FeatureNet
from tilth.nn.picture import Picture
from tilth.objectives.style import StyleTransfer
from tilth.tasks._feature_net import of_bundle
from tilth.train.device import choose_device
from tilth.train.loop import Loop

if TYPE_CHECKING:
    from PIL import Image

UNIT = ImagePreprocessor(8, 8, 3, mean=(0.0,) * 3, std=(255.0,) * 3)
"""Pictures in colour, from 0 (black) to 1 (white)."""


@checked
def paint(
    content: Any,
    style: Any,
    *,
    features: str | Path,
    steps: int = 200,
    lr: float = 0.03,
    style_weight: float = 1e3,
    smoothness: float = 0.0,
    device: str = "auto",
) -> Image.Image:
    """Return the picture ``content``, in its own size, in the style of the picture ``style``.

    Gatys, Ecker and Bethge 2016: a picture is trained, beginning with the content, until a net
    sees the content in it and the style.

    content, style: paths, bytes of files, PIL pictures or arrays
    features: the bundle of a net for pictures in colour, such as a small_vgg of yours
    steps: of Adam, at the rate ``lr``; style_weight: beside 1 for the content
    smoothness: weight of the differences between neighbouring pixels
    Raises UserError for pictures that cannot be read and bundles that are no chain of layers.

    >>> import tilth as tl
    >>> pixels = np.random.default_rng(0).integers(0, 255, (80, 16, 16, 3), dtype=np.uint8)
    >>> data = tl.arrays(pixels, np.arange(80) % 2)
    >>> vgg = tl.Learner(data, "small_vgg", quiet=True).fit(1).export()
    >>> paint(pixels[0], pixels[1], features=vgg, steps=2).size
    (16, 16)
    """
    if steps < 1:
        raise UserError(f"steps={steps}", rule="a picture is painted in at least one step")
    place, _ = choose_device(device)
    net = FeatureNet(of_bundle(features, UNIT.channels)).to(place)
    photo, painting = (in_own_size(one, UNIT).to(place) for one in (content, style))
    objective = StyleTransfer(net, painting, style=style_weight, variation=smoothness)
    canvas = Picture(photo).to(place)
    parameters = list(canvas.parameters())
    player = Player(parameters, torch.optim.Adam(parameters, lr))
    source = DatasetSource(
        ResidentStore(photo),
        torch.zeros(1),
        np.arange(1),
        1,
        prepare=lambda raw, keys, epoch: raw,
        device=place,
    )
    loop = Loop(canvas, [objective], source, {"model": player}, total_steps=steps, device=place)
    loop.fit()
    found = (canvas.pixels[0].detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return picture(found.cpu().numpy())
