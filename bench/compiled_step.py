"""The whole step of the overhead bench as one compiled function: how near torch gets to a net's
bare arithmetic when the forward pass, the gradients, the clip, the schedule and AdamW are fused."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value
from torch.nn.functional import cross_entropy

from bench.arm import Clock, Config, Result, main, wait_for_start
from bench.hand import accuracy, one_cycle, resident_batches
from bench.workload import mlp_rows, small_mlp

Tensors = dict[str, Tensor]
DECAY, SECOND, EPSILON, CLIP = 0.01, 0.99, 1e-8, 1.0


def step(
    net: torch.nn.Module,
    state: tuple[Tensors, Tensors, Tensors],
    batch: tuple[Tensor, Tensor],
    numbers: Tensor,
    finite: Tensor,
) -> None:
    """A clipped AdamW step in place; `numbers`: rate, momentum, 1 - momentum^n, 1 - beta^n."""
    parameters, first, second = state

    def loss_of(weights: Tensors) -> Tensor:
        return cross_entropy(functional_call(net, weights, (batch[0],)), batch[1])

    gradients, loss = grad_and_value(loss_of)(parameters)
    norm = torch.stack([g.square().sum() for g in gradients.values()]).sum().sqrt()
    scale = (CLIP / (norm + 1e-6)).clamp(max=1.0)
    rate, momentum, first_correction, second_correction = numbers.unbind()
    for name, weight in parameters.items():
        gradient = gradients[name] * scale
        first[name].copy_(momentum * first[name] + (1 - momentum) * gradient)
        second[name].copy_(SECOND * second[name] + (1 - SECOND) * gradient.square())
        spread = (second[name] / second_correction).sqrt() + EPSILON
        decay = DECAY if weight.dim() >= 2 else 0.0  # biases do not
        weight.copy_(weight * (1 - rate * decay) - rate * first[name] / first_correction / spread)
    finite.logical_and_(loss.isfinite())


def run(
    config: Config, state_step: Callable[..., None], net: torch.nn.Module, data: Tensors
) -> None:
    size = int(config["batch"])
    parameters = {name: value.detach() for name, value in net.named_parameters()}
    zeros = [{name: torch.zeros_like(v) for name, v in parameters.items()} for _ in range(2)]
    plan = enumerate(one_cycle(int(config["steps"]), float(config["rate"])), start=1)
    numbers = torch.tensor([(r, m, 1 - m**n, 1 - SECOND**n) for n, (r, m) in plan]).unbind()
    finite = torch.ones((), dtype=torch.bool)
    batches = resident_batches(data["inputs"], data["labels"], size)
    for index, batch in enumerate(batches):
        state_step(net, (parameters, zeros[0], zeros[1]), batch, numbers[index], finite)
        if index % int(config["check_every"]) == 0 and not finite:
            raise RuntimeError(f"the loss is not finite at or before step {index}")


def overhead(variant: str, config: Config, seed: int) -> Result:
    """`variant` is compiled (inductor) or eager (to see that the function itself is right)."""
    size, steps = int(config["batch"]), int(config["steps"])
    inputs, labels = map(torch.from_numpy, mlp_rows(size * steps))
    torch.manual_seed(seed)
    compiled = torch.compile(step, fullgraph=True, dynamic=False) if variant == "compiled" else step
    warm = int(config["warm_steps"]) * size
    clock = Clock()
    with torch.no_grad():
        run(config, compiled, small_mlp(), {"inputs": inputs[:warm], "labels": labels[:warm]})
        compile_seconds, net = clock.lap(), small_mlp()
        wait_for_start()
        clock.lap()
        run(config, compiled, net, {"inputs": inputs, "labels": labels})
    seconds = clock.lap()
    return {
        "microseconds_per_step": 1e6 * seconds / steps,
        "processor_microseconds": 1e6 * clock.processor / steps,
        "accuracy": accuracy(net, inputs, labels),
        "compile_seconds": compile_seconds,
    }


if __name__ == "__main__":
    main({"overhead": overhead})
