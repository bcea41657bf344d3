"""What the layers of a net give, and the gradients that reach them, kept while a block runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tilth.errors import choose


@dataclass
class Watched:
    """What the watched layers gave at the last call, by name, in the order of the calls.

    outputs: as the layer gave them, with their graph, or what was made of them; gradients: of what
    was derived since
    """

    outputs: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor] = field(default_factory=dict)


@contextmanager
def watched(
    model: nn.Module,
    names: Sequence[str],
    *,
    gradients: bool = False,
    made: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[Watched]:
    """Keep the outputs of the named layers while the block runs; no hook outlives it.

    names: of ``model.named_modules()``; gradients: keep what flows back into the outputs, too
    made: from each output, as soon as it is there, what is kept of it; the output where None
    An output that is no tensor is not kept. A layer that works in place on what came before it
    changes what is kept of that, unless ``made`` copies it.
    Raises UserError for a name that the model does not have.

    >>> import torch
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> with watched(net, ["0"]) as kept:
    ...     _ = net(torch.ones(1, 2))
    >>> kept.outputs["0"].shape, len(net[0]._forward_hooks)
    (torch.Size([1, 3]), 0)
    """
    layers = dict(model.named_modules())
    kept, handles = Watched(), list[RemovableHandle]()

    def keep(name: str) -> Any:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                return
            kept.outputs.pop(name, None)
            kept.outputs[name] = output if made is None else made(output)
            if gradients and output.requires_grad:
                handles.append(output.register_hook(store(name)))  # type: ignore[no-untyped-call]

        return hook

    def store(name: str) -> Any:
        def hook(gradient: Tensor) -> None:
            kept.gradients[name] = gradient

        return hook

    try:
        for name in names:
            choose(name, layers, "layer")
            handles.append(layers[name].register_forward_hook(keep(name)))
        yield kept
    finally:
        for handle in handles:
            handle.remove()
