"""One of several ranks: constant buffers keep their bits, running statistics become the mean."""

import json
import sys

import torch
import torch.distributed as dist
from torch import nn

from tilth.train.parallel import average_buffers


def main(rank: int, world: int, meeting: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=world)
    for dtype in (torch.float32, torch.float64):
        model = nn.BatchNorm1d(2).to(dtype)
        model.register_buffer("table", torch.linspace(0.0, 1.0, 99, dtype=dtype))
        model.register_buffer("mask", torch.tensor([0.0, -torch.inf], dtype=dtype))
        model.register_buffer("mixed", torch.tensor([0.1, float(rank)], dtype=dtype))
        kept = {name: model.get_buffer(name).clone() for name in ("table", "mask")}
        model.running_mean += rank
        for _ in range(20):
            average_buffers(model, world)
        assert all(torch.equal(model.get_buffer(name), value) for name, value in kept.items())
        assert model.mixed[0] == torch.tensor(0.1, dtype=dtype)
        print(json.dumps([*model.running_mean.tolist(), model.mixed[1].item()]), flush=True)
    dist.barrier()  # a rank that leaves early can end the other with an abort
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
