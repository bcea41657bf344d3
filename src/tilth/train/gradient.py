"""From an objective's sums and counts to the gradient of their weighted means."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from tilth.contracts import Context, Loss, Objective, Term
from tilth.errors import UserError
from tilth.train.parallel import sum_over_ranks

Autocast = Callable[[], AbstractContextManager[Any]]
Sums = list[Tensor | None]  # per parameter; None: no loss reached it


def by_unit(loss: Loss) -> dict[str, list[Term]]:
    """Group the terms of a loss by what they count; raise UserError on unequal counts."""
    units: dict[str, list[Term]] = {}
    for name, term in loss.parts.items():
        terms = units.setdefault(term.per, [])
        terms.append(term)
        if term.count != terms[0].count:
            raise UserError(
                f"loss term {name!r} counts {term.count} {term.per}, another {terms[0].count}",
                rule="terms with the same `per` share one count",
                fix=f"give {name!r} its own unit, for example per={name!r}",
            )
    return units


def weighted_sum(terms: list[Term]) -> Tensor:
    """Return sum of weight * total, without touching the bits of a single plain term."""
    totals = [term.total if term.weight == 1.0 else term.total * term.weight for term in terms]
    return sum(totals[1:], totals[0])


def mean_loss(
    objective: Objective, model: nn.Module, batch: Any, context: Context, autocast: Autocast
) -> tuple[Loss, Tensor]:
    """Return the loss of one uncut batch on one rank, and the scalar to minimise.

    A sum over nothing is 0 and stays so: such as that of masks in which every pixel is void.
    """
    with autocast():
        loss = objective(model, batch, context)
    units = by_unit(loss)
    means = [weighted_sum(terms) / (terms[0].count or 1) for terms in units.values()]
    return loss, sum(means[1:], means[0])


def strays(scalar: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    """Return the leaves, other than ``parameters``, that a gradient of ``scalar`` would reach.

    >>> kept, other = nn.Parameter(torch.ones(1)), torch.ones(1, requires_grad=True)
    >>> [leaf is other for leaf in strays((kept * other).sum(), [kept])]
    [True]
    """
    known = {id(parameter) for parameter in parameters}
    left: list[Any] = [scalar.grad_fn]
    seen: set[Any] = set()
    found: list[Tensor] = []
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)  # only nodes that fill a leaf's .grad have one
        if leaf is not None and id(leaf) not in known:
            found.append(leaf)
        left.extend(following for following, _ in node.next_functions)
    return found


def backward_cut(
    objective: Objective,
    model: nn.Module,
    parts: list[Any],
    parameters: list[nn.Parameter],
    context: Context,
    autocast: Autocast,
) -> tuple[list[Loss], Tensor]:
    """Set ``.grad`` from micro-batches and ranks: gradient sums over summed counts, per unit.

    A parameter that no loss reaches keeps no gradient (None, not zeros, which optimizers would
    decay it by), and a frozen one among ``parameters`` is passed over.
    """
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    losses: list[Loss] = []
    sums: dict[str, Sums] = {}
    totals: dict[str, Tensor] = {}
    counts: dict[str, float] = {}
    for part in parts:
        with autocast():
            loss = objective(model, part, context)
        losses.append(detached(loss))
        units = by_unit(loss)
        for place, (unit, terms) in enumerate(units.items()):
            total = weighted_sum(terms)
            keep = place < len(units) - 1
            found = torch.autograd.grad(total, parameters, retain_graph=keep, allow_unused=True)
            add_up(sums.setdefault(unit, [None] * len(parameters)), found)
            totals[unit] = totals.get(unit, 0.0) + total.detach()
            counts[unit] = counts.get(unit, 0.0) + terms[0].count
    if context.world > 1:
        reduce_ranks(sums, totals, counts, parameters)
    for place, parameter in enumerate(parameters):
        shares = [(total[place], counts[unit]) for unit, total in sums.items()]
        pieces = [total / (count or 1) for total, count in shares if total is not None]
        parameter.grad = sum(pieces[1:], pieces[0]) if pieces else None
    means = [totals[unit] / (counts[unit] or 1) for unit in totals]
    return losses, sum(means[1:], means[0])


def add_up(sums: Sums, found: tuple[Tensor | None, ...]) -> None:
    """Add each gradient found to its running sum; None stays where none was found."""
    for place, gradient in enumerate(found):
        before = sums[place]
        if before is None:
            sums[place] = None if gradient is None else gradient.clone()  # it may be shared
        elif gradient is not None:
            sums[place] = before.add_(gradient)


def reduce_ranks(
    sums: dict[str, Sums],
    totals: dict[str, Tensor],
    counts: dict[str, float],
    parameters: list[nn.Parameter],
) -> None:
    """Sum gradients, totals and counts over ranks, in place; ranks must name the same units.

    What a rank has no gradient for counts as zeros where another rank has one.
    """
    device = next(iter(totals.values())).device
    reached = torch.tensor([[g is not None for g in total] for total in sums.values()])
    reached = reached.to(device, torch.float32)
    sum_over_ranks([reached])
    for total, anywhere in zip(sums.values(), (reached > 0).tolist(), strict=True):
        for place, parameter in enumerate(parameters):
            if anywhere[place] and total[place] is None:
                total[place] = torch.zeros_like(parameter)
    tallies = {u: torch.tensor(c, dtype=torch.float64, device=device) for u, c in counts.items()}
    flat = [gradient for total in sums.values() for gradient in total if gradient is not None]
    sum_over_ranks([*flat, *totals.values(), *tallies.values()])
    counts.update({unit: float(tally) for unit, tally in tallies.items()})


def detached(loss: Loss) -> Loss:
    """Return the loss without its graph, so that a finished micro-batch frees its memory."""
    parts = {
        name: Term(term.total.detach(), term.count, term.weight, term.per)
        for name, term in loss.parts.items()
    }
    return Loss(parts, loss.feedback)
