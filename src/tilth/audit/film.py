"""An episode as a moving picture, drawn without a display."""

from __future__ import annotations

import base64
import io

import numpy as np
import torch
from torch import Tensor, nn

from tilth.data.environment import Environment
from tilth.data.rollout import acting
from tilth.errors import UserError

FRAMES, MILLISECONDS, WIDTH_PX = 150, 40, 320


def film(
    model: nn.Module, world: Environment, *, seed: int, device: torch.device, frames: int = FRAMES
) -> str:
    """Return the first episode of a one-copy world as a GIF in base64.

    Long episodes are shown by every n-th step, so that there are ``frames`` at the most.
    Raises UserError for a world that cannot be drawn, saying why.
    """
    drawn, every = list[Tensor](), 1
    world.reset(seed)
    generator = torch.Generator(device).manual_seed(seed)
    with acting(model) as policy:
        for step in range(20 * frames):
            if step % every == 0:
                drawn.append(world.picture().cpu())
            if len(drawn) > frames:  # the rest by half as many: no more than these are ever held
                drawn, every = drawn[::2], 2 * every
            action = policy.act(world.seen.to(device), generator=generator, explore=0.0)
            if bool(world.step(action.actions).ended[0]):
                break
    return gif(drawn)


def gif(pictures: list[Tensor], *, milliseconds: int = MILLISECONDS) -> str:
    """Return [3, height, width] uint8 pictures as an endless GIF, base64, 320 px wide.

    Raises UserError where there are none.

    >>> gif([torch.zeros(3, 4, 4, dtype=torch.uint8)] * 2)[:6]
    'R0lGOD'
    """
    from PIL import Image

    if not pictures:
        raise UserError("a film of no pictures", rule="it shows at least one")
    height, width = pictures[0].shape[1:]
    size = (WIDTH_PX, round(WIDTH_PX * height / width))
    frames = [
        Image.fromarray(np.ascontiguousarray(one.permute(1, 2, 0).numpy())).resize(
            size, Image.Resampling.NEAREST if width < WIDTH_PX else Image.Resampling.BILINEAR
        )
        for one in pictures
    ]
    written = io.BytesIO()
    frames[0].save(
        written, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0
    )
    return base64.b64encode(written.getvalue()).decode("ascii")
