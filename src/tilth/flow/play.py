"""A trained policy in the world that it learned in."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import torch

from tilth import files
from tilth.audit.film import film as film_of
from tilth.data.observations import Observations
from tilth.errors import UserError
from tilth.flow.sources import world
from tilth.randomness import SEEDS
from tilth.ship.open_bundle import open_bundle
from tilth.train.play import play

CPU = torch.device("cpu")


def play_run(
    run: Path, *, episodes: int = 10, seed: int = 0, film: str | None = None
) -> dict[str, Any]:
    """Return how ``episodes`` of a policy go, of a run or a bundle; film: write one to this .gif.

    Raises UserError for a model that did not learn to act, and for a world that cannot be drawn.
    """
    opened = open_bundle(run)
    seen, model = opened.preprocessor, opened.model
    if not isinstance(seen, Observations):
        raise UserError(
            f"{run} did not learn to act",
            rule="only a policy plays: what `tilth train env:WORLD` makes",
            fix="tilth predict asks other models",
        )
    data = world(seen.world, seen.arguments)
    played = play(model, data.environment(episodes, judged=True), seed=seed)
    if film:
        drawn = film_of(model, data.environment(1), seed=seed % SEEDS, device=CPU)
        files.write_bytes(Path(film), base64.b64decode(drawn))
    return {
        "world": data.name,
        "episodes": episodes,
        "return": float(played.returns.mean()),
        "least": float(played.returns.min()),
        "most": float(played.returns.max()),
        "length": float(played.lengths.double().mean()),
    }
