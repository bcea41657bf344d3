"""An episode as a moving picture, drawn without a display."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import nn

from tilth.data.environment import Environment
from tilth.data.rollout import acting
from tilth.errors import UserError
from tilth.randomness import fold

SEEDS = 2**31


def episode_gif(
    model: nn.Module,
    environment: Environment,
    path: str | Path,
    *,
    explore: float = 0.0,
    seed: int = 0,
    every: int = 2,
    longest: int = 1000,
    frame_seconds: float = 0.04,
    device: torch.device | str = "cpu",
) -> float:
    """Write an episode of the first copy as a GIF; return its sum of rewards.

    explore: 0 for the best the policy knows
    every: steps between two frames; longest: steps after which no more are drawn or counted
    Raises UserError where the environment cannot be drawn, or a number is below 1.
    """
    if every < 1 or longest < 1:
        raise UserError(f"every={every}, longest={longest}", rule="each is at least 1")
    generator = torch.Generator(device).manual_seed(fold(seed, "showing"))
    environment.reset(fold(seed, "world of showing") % SEEDS)
    frames, gained = [], 0.0
    with acting(model) as policy:
        for step in range(longest):
            if step % every == 0:
                shown = environment.picture().permute(1, 2, 0).numpy()
                frames.append(Image.fromarray(shown).convert("P", palette=Image.Palette.ADAPTIVE))
            seen = environment.seen.to(device)
            action = policy.act(seen, generator=generator, explore=explore)
            stepped = environment.step(action.actions)
            gained += float(stepped.rewards[0])
            if stepped.ended[0]:
                break
    duration = round(1000 * frame_seconds)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return gained
