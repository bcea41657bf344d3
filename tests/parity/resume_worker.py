"""One rank of a training that is saved, taken up again and interrupted; prints what it saw."""

import json
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from tests.train.job import make_loop, resume
from tilth.contracts import BaseHook
from tilth.train.checkpoint import Checkpointer, steps
from tilth.train.interrupt import Interrupt

STEPS = 11


class Signal(BaseHook):
    def __init__(self, rank, step):
        self.rank, self.step = rank, step

    def after_step(self, loop):
        if loop.rank == self.rank and loop.step == self.step:
            signal.raise_signal(signal.SIGTERM)


class Own(BaseHook):
    """Draws from the rank's own streams at the end."""

    def on_end(self, loop):
        self.drawn = [
            float(torch.rand(1)),
            float(torch.rand(1, generator=loop.context().generator)),
        ]


def weights(loop):
    return {name: value.flatten().tolist() for name, value in loop.model.state_dict().items()}


def train(folder, first=None, **when):
    checkpointer = Checkpointer(folder, **{"every_seconds": None, **when})
    own = Own()
    loop = make_loop(STEPS, [first or BaseHook(), own, checkpointer, Interrupt(checkpointer)])
    begun = resume(loop, folder)
    loop.fit()
    return loop, begun, own.drawn


def main(rank, world, folder):
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=world
    )
    said = {}
    loop, _, drawn = train(folder / "whole", every_steps=5)
    said["whole"] = [weights(loop), drawn]
    # rank 1 hears a signal at step 5; both must stop, save and go on alike
    loop, _, _ = train(folder / "again", Signal(1, 5))
    said["stopped"] = [loop.step, loop.stop_reason]
    dist.barrier()
    loop, begun, drawn = train(folder / "again")
    said["begun"], said["again"] = begun, [weights(loop), drawn]
    # a signal that only one rank hears, after the last step
    loop, _, _ = train(folder / "late", Signal(1, STEPS))
    said["late"] = [loop.step, loop.stop_reason]
    # one rank's clock is far ahead of the other's
    seconds = 0.0 if rank == 1 else 1e6
    loop, _, _ = train(folder / "clock", every_seconds=seconds)
    dist.barrier()
    said["saved"] = steps(folder / "clock")
    print(json.dumps(said))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
