"""Training parts whose objective learns from pictures that were changed to fool the net."""

from __future__ import annotations

import dataclasses

from tilth.data.dataset import Data
from tilth.data.image_ball import image_ball
from tilth.data.image_set import ImageData
from tilth.errors import UserError
from tilth.objectives.adversarial_training import AdversarialTraining
from tilth.randomness import fold
from tilth.tasks._setup import Setup, TrainingParts


def check_hardening(radius: float, data: Data) -> None:
    """Raise UserError where no attack within ``radius`` is meant or can be made."""
    if not 0 <= radius < 0.5:
        raise UserError(
            f"adversarial={radius:g}",
            rule="it is the largest change of a pixel, where white is 1: from 0 (none) to 0.5",
            fix="0.03 is about 8 of 255 steps",
        )
    if radius and not isinstance(data, ImageData):
        raise UserError(
            f"adversarial={radius:g} for {data.name}",
            rule="only of pictures is it known how far a number may change",
            fix="leave adversarial out",
        )


def hardened(parts: TrainingParts, setup: Setup, radius: float) -> TrainingParts:
    """Return the parts, every objective meeting the worst of a ball of ``radius``."""
    data = setup.data
    assert isinstance(data, ImageData)  # check_hardening said so
    ball = image_ball(data.preprocessor, radius, setup.device)
    seed = fold(setup.plan.seed, "phase", setup.phase)
    made = [AdversarialTraining(one, ball, seed=seed) for one in parts.objectives]
    return dataclasses.replace(parts, objectives=[*made])
