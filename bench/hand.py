"""Hand-written PyTorch loops: the least a careful person would write for the same work.

`resident` keeps the data as tensors and gathers batches with `index_select`; `loader` is the usual
TensorDataset and DataLoader. Numerics: fp32 as torch comes, or bf16 autocast with channels_last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bench.arm import Clock, Config, Result, main, wait_for_start
from bench.workload import mlp_rows, mnist, normalised, small_mlp, two_conv_net

Batches = Iterator[tuple[Tensor, Tensor]]


def resident_batches(inputs: Tensor, labels: Tensor, size: int) -> Batches:
    order = torch.randperm(len(labels))
    for start in range(0, len(labels), size):
        rows = order[start : start + size]
        yield inputs.index_select(0, rows), labels.index_select(0, rows)


def train_epoch(
    net: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, *, half: bool
) -> float:
    """One pass; the summed loss stays a tensor until the end."""
    measure, total = nn.CrossEntropyLoss(), torch.zeros(())
    for inputs, labels in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = measure(net(inputs), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.detach()
    return float(total)


@torch.inference_mode()
def accuracy(net: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    hits = sum(
        int((net(part).argmax(1) == answer).sum())
        for part, answer in zip(inputs.split(500), labels.split(500), strict=True)
    )
    return hits / len(labels)


def mnist_epoch(variant: str, config: Config, seed: int) -> Result:
    """`variant` is resident or loader, then fp32 or bf16."""
    way, numerics = variant.split("_")
    half, size = numerics == "bf16", int(config["batch"])
    digits = mnist(int(config["train_rows"]), int(config["test_rows"]))
    inputs, labels = torch.from_numpy(normalised(digits.train_images)), digits.train_labels
    labels = torch.from_numpy(labels)
    torch.manual_seed(seed)

    def started() -> tuple[nn.Module, torch.optim.Optimizer]:
        net = two_conv_net()
        net = net.to(memory_format=torch.channels_last) if half else net
        return net, torch.optim.Adam(net.parameters(), float(config["rate"]), fused=True)

    def batches(rows: int) -> Batches:
        if way == "resident":
            return resident_batches(inputs[:rows], labels[:rows], size)
        return iter(DataLoader(TensorDataset(inputs[:rows], labels[:rows]), size, shuffle=True))

    train_epoch(*started(), batches(int(config["warm_batches"]) * size), half=half)
    net, optimizer = started()
    wait_for_start()
    clock = Clock()
    for _ in range(int(config["epochs"])):
        train_epoch(net, optimizer, batches(len(labels)), half=half)
    seconds = clock.lap()
    test = torch.from_numpy(normalised(digits.test_images))
    return {
        "samples_per_second": len(labels) * int(config["epochs"]) / seconds,
        "fit_seconds": seconds,
        "accuracy": accuracy(net, test, torch.from_numpy(digits.test_labels)),
        "numerics": "bf16 autocast, channels_last" if half else "fp32",
    }


def one_cycle(steps: int, peak: float) -> list[tuple[float, float]]:
    """(rate, momentum) of every step: a quarter up, the rest down, both along a cosine."""
    warm, plan = max(1, steps // 4), []
    for step in range(steps):
        if step < warm:
            part, low, momentum = (1 - math.cos(math.pi * step / warm)) / 2, peak / 25, (0.95, 0.85)
        else:
            part = (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2
            low, momentum = peak / 1e5, (0.95, 0.85)
        plan.append((low + part * (peak - low), momentum[0] + part * (momentum[1] - momentum[0])))
    return plan


def guarded_steps(config: Config, batches: Batches, net: nn.Module) -> None:
    """Clip to norm 1, one-cycle rate and momentum, fused AdamW, and a finite check read rarely.

    Weights decay and biases do not, as in tilth's default.
    """
    parameters = list(net.parameters())
    weights = [parameter for parameter in parameters if parameter.dim() >= 2]
    biases = [parameter for parameter in parameters if parameter.dim() < 2]
    groups = [{"params": weights}, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    measure, finite = nn.CrossEntropyLoss(), torch.ones((), dtype=torch.bool)
    plan = one_cycle(int(config["steps"]), float(config["rate"]))
    for step, (inputs, labels) in enumerate(batches):
        loss = measure(net(inputs), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        rate, momentum = plan[step]
        for group in optimizer.param_groups:
            group["lr"], group["betas"] = rate, (momentum, 0.99)
        optimizer.step()
        finite &= loss.detach().isfinite()
        if step % int(config["check_every"]) == 0 and not finite:
            raise RuntimeError(f"the loss is not finite at or before step {step}")


def lean_steps(config: Config, batches: Batches, net: nn.Module) -> None:
    """The same without clip, schedule and check: what torch itself costs."""
    optimizer = torch.optim.AdamW(net.parameters(), float(config["rate"]), fused=True)
    train_epoch(net, optimizer, batches, half=False)


def overhead(variant: str, config: Config, seed: int) -> Result:
    """`variant` is guarded or lean; microseconds per step of a net whose arithmetic is nothing."""
    size, steps = int(config["batch"]), int(config["steps"])
    inputs, labels = map(torch.from_numpy, mlp_rows(size * steps))
    torch.manual_seed(seed)
    run = {"guarded": guarded_steps, "lean": lean_steps}[variant]
    warm = int(config["warm_steps"]) * size
    run(config, resident_batches(inputs[:warm], labels[:warm], size), small_mlp())
    wait_for_start()
    net, clock = small_mlp(), Clock()
    run(config, resident_batches(inputs, labels, size), net)
    seconds = clock.lap()
    return {
        "microseconds_per_step": 1e6 * seconds / steps,
        "processor_microseconds": 1e6 * clock.processor / steps,
        "accuracy": accuracy(net, inputs, labels),
    }


if __name__ == "__main__":
    main({"mnist": mnist_epoch, "overhead": overhead})
