"""The jobs that `python -m bench kill` kills: small trainings through the public flow.

``python -m bench.kill_job RUN JOB`` trains (or goes on with) the run and prints a SHA-256 over its
final weights. A small net learns made pictures: held in memory and augmented as whole batches, a
data set of the user's own read by two worker processes, or files decoded by threads into a cache.
Policies learn to balance a pole, from a memory of what they saw or from what they just did. And two
players learn to make points up.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import tilth as tl

ROWS, SIDE, CLASSES = 600, 16, 4
EPOCHS, BATCH = 24, 32
JOBS = {
    "memory": "in memory, 0 workers",
    "workers": "own data set, 2 worker processes",
    "files": "picture files, decoding threads and cache",
    "dqn": "CartPole, DQN with replay",
    "ppo": "CartPole, PPO",
    "gan": "points, WGAN-GP with five critic steps",
}


def pictures() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return [rows, side, side] uint8 pictures of noise with a bright quarter, and which one."""
    chance = np.random.default_rng(0)
    labels = chance.integers(0, CLASSES, ROWS)
    made = chance.integers(0, 160, (ROWS, SIDE, SIDE), dtype=np.uint8)
    half = SIDE // 2
    for row, label in enumerate(labels):
        top, left = half * (label // 2), half * (label % 2)
        made[row, top : top + half, left : left + half] += 60
    return made, labels


class Items(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """The same pictures one by one, shifted and dimmed at random by the global torch stream."""

    def __init__(self) -> None:
        self.pictures, self.labels = pictures()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = torch.from_numpy(self.pictures[index]).float().div(255)[None]
        shift = int(torch.randint(-1, 2, ()))
        light = 0.8 + 0.4 * torch.rand(())
        return picture.roll(shift, dims=-1) * light, int(self.labels[index])


def net() -> nn.Module:
    """Return a net with batch statistics and dropout: state and random numbers to lose."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(64, CLASSES),
    )


def weights_sha256(model: nn.Module) -> str:
    """Return a hash over the names and bits of all parameters and buffers."""
    total = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        total.update(name.encode() + value.cpu().numpy().tobytes())
    return total.hexdigest()


def write_files(folder: Path) -> None:
    """Write the pictures as class folders of PNG files."""
    for row, (picture, label) in enumerate(zip(*pictures(), strict=True)):
        place = folder / f"quarter-{label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{row:04d}.png")


def data_of(job: str, files: Path) -> Any:
    """Return the job's data."""
    if job == "memory":
        return tl.arrays(*pictures())
    if job == "workers":
        return tl.dataset(Items(), workers=2)
    return tl.images(files, size=SIDE, resident=False)


class FirstStep(tl.BaseHook):
    """The processor time that was spent when training began."""

    seconds = 0.0

    def on_start(self, loop: Any) -> None:
        self.seconds = time.process_time()


def main(run: Path, job: str, epochs: int = EPOCHS, watch: FirstStep | None = None) -> str:
    """Train the run, or go on with it; return the hash of its weights."""
    hooks = [watch or FirstStep()]
    made = {"dqn": balancing, "ppo": balancing, "gan": making_up}
    learner = made.get(job, recognising)(run, job, epochs, hooks)
    learner.fit(resume=True)
    return weights_sha256(learner.model)


def recognising(run: Path, job: str, epochs: int, hooks: list[Any]) -> tl.Learner:
    """Return who learns the pictures, with a checkpoint after every step."""
    return tl.Learner(
        data_of(job, run.parent / "pictures"),
        net(),
        run=run,
        epochs=epochs,
        patience=0,
        seed=1,
        batch_size=BATCH,
        lr=0.01,
        dtype="float32",
        channels_last=False,
        threads=1,
        checkpoint_seconds=0.0,
        quiet=True,
        hooks=hooks,
    )


def balancing(run: Path, job: str, epochs: int, hooks: list[Any]) -> tl.Learner:
    """Return who learns to balance a pole; an epoch, which is 10,000 frames, is enough."""
    return tl.Learner(
        tl.world("CartPole-v1"),
        task="control",
        task_arguments={"method": job},
        run=run,
        epochs=1,
        seed=1,
        threads=1,
        checkpoint_seconds=0.1,
        quiet=True,
        hooks=hooks,
    )


def making_up(run: Path, job: str, epochs: int, hooks: list[Any]) -> tl.Learner:
    """Return two players on 600 points around a ring."""
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, ROWS)
    return tl.Learner(
        tl.arrays(np.stack([np.cos(angles), np.sin(angles)], axis=1)),
        task="generate",
        task_arguments={"loss": "wasserstein", "gradient_penalty": 10.0, "critic_steps": 5},
        run=run,
        epochs=4 * epochs,
        batch_size=BATCH,
        seed=1,
        threads=1,
        checkpoint_seconds=0.1,
        quiet=True,
        hooks=hooks,
    )


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2]))
