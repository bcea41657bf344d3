"""One rank of a small data-parallel training; prints its weights and rows as JSON."""

import json
import sys

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from tilth.contracts import BaseHook, Player
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.objectives.supervised import Supervised
from tilth.train.loop import Loop


def table():
    stream = torch.Generator().manual_seed(1)
    inputs = torch.randn(101, 5, generator=stream, dtype=torch.float64)
    return inputs, (inputs.sum(1) > 0).long()


def net():
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2)).double()


def as_they_are(raw, rows, epoch):
    return raw


def cross_entropy(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="sum")


class First(BaseHook):
    def __init__(self):
        self.weights = []

    def after_step(self, loop):
        if loop.step == 1:
            self.weights = flat(loop.model)


def flat(model):
    return nn.utils.parameters_to_vector(model.parameters()).tolist()


def main(rank, world, meeting):
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=world
        )
    inputs, targets = table()
    source = DatasetSource(
        ResidentStore(inputs), targets, np.arange(len(inputs)), 17, prepare=as_they_are
    )
    model, first = net(), First()
    trained = list(model.parameters())
    player = Player(trained, torch.optim.SGD(trained, 1.0))
    loop = Loop(
        model, [Supervised(cross_entropy)], source, {"model": player}, total_steps=9, hooks=[first]
    )
    rows = source.order.at(0, rank, world)[0].tolist()
    loop.fit()
    print(json.dumps({"first": first.weights, "last": flat(model), "rows": rows}))
    if world > 1:
        dist.barrier()  # a rank that leaves early can end the other with an abort
        dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
