"""A small training job that uses every kind of state: dropout, batch norm, momenta, augmentation.

``python -m tests.train.job FOLDER STEPS SECONDS_A_STEP [RANK WORLD]`` runs it with checkpoints and
signals, alone or as one of several ranks.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from tilth.contracts import BaseHook, Hook, Player
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.objectives.supervised import Supervised
from tilth.randomness import uniform
from tilth.train.checkpoint import Checkpointer, latest
from tilth.train.interrupt import Interrupt
from tilth.train.loop import Loop
from tilth.train.optimizers import adamw
from tilth.train.schedules import one_cycle


def prepare(raw, keys, epoch):
    """Scale and flip each picture or not, by (seed, epoch, row)."""
    pictures = raw.float() / 255
    flip = uniform(keys, 1, seed=3, stream="flip", epoch=epoch)[:, :, None, None] < 0.5
    return torch.where(flip, pictures.flip(3), pictures)


def make_loop(steps: int, hooks: list[Hook] | tuple[Hook, ...] = ()) -> Loop:
    """Return the job, always the same: 48 pictures of 6 x 6, batches of 10 (5 to an epoch)."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        pictures = torch.randint(0, 256, (48, 1, 6, 6), dtype=torch.uint8)
        labels = torch.randint(0, 3, (48,))
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Linear(64, 3),
        )
    source = DatasetSource(ResidentStore(pictures), labels, np.arange(48), 10, prepare=prepare)
    objective = Supervised(lambda outputs, targets: F.cross_entropy(outputs, targets))
    objective.reduction = "mean"
    optimizer = adamw(model, lr=0.01)
    player = Player(list(model.parameters()), optimizer, one_cycle(), clip=1.0)
    return Loop(model, [objective], source, {"model": player}, total_steps=steps, hooks=hooks)


def resume(loop: Loop, folder: Path) -> int:
    """Take up the newest checkpoint, if there is one; return the step gone on from."""
    found = latest(folder)
    if found is not None:
        loop.load_state_dict(found[1])
    return loop.step


def weights_sha256(loop: Loop) -> str:
    """Return a hash over all parameters and buffers."""
    total = hashlib.sha256()
    for name, value in sorted(loop.model.state_dict().items()):
        total.update(name.encode() + value.numpy().tobytes())
    return total.hexdigest()


class Pause(BaseHook):
    """Makes steps slow enough to be interrupted, and says when the first is done."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.said = seconds, False

    def after_step(self, loop) -> None:
        if not self.said:
            print("running", flush=True)
            self.said = True
        time.sleep(self.seconds)


def main(arguments: list[str]) -> None:
    folder, steps, seconds = Path(arguments[0]), int(arguments[1]), float(arguments[2])
    torch.set_num_threads(1)
    if len(arguments) > 3:
        rank, world = int(arguments[3]), int(arguments[4])
        meeting = f"file://{folder.parent / 'meeting'}"
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world)
    checkpointer = Checkpointer(folder, every_seconds=None)
    loop = make_loop(steps, [Pause(seconds), checkpointer, Interrupt(checkpointer)])
    begun = resume(loop, folder)
    loop.fit()
    print(f"from {begun} to {loop.step}, {loop.stop_reason}, {weights_sha256(loop)}", flush=True)
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1:])
