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


def backward_whole(
    objective: Objective,
    model: nn.Module,
    batch: Any,
    parameters: list[nn.Parameter] | None,
    context: Context,
    autocast: Autocast,
) -> tuple[list[Loss], Tensor]:
    """Set ``.grad`` from one uncut batch on one rank; return its loss and the scalar minimised.

    parameters: those that may get a gradient; None where they are all there are, which saves
    autograd the search for them (44 of 232 us of processor time on a small net)
    """
    with autocast():
        loss = objective(model, batch, context)
    units = by_unit(loss)
    means = [weighted_sum(terms) / terms[0].count for terms in units.values()]
    scalar = sum(means[1:], means[0])
    torch.autograd.backward(scalar, inputs=parameters)
    return [loss], scalar.detach()


def backward_cut(
    objective: Objective,
    model: nn.Module,
    parts: list[Any],
    parameters: list[nn.Parameter],
    context: Context,
    autocast: Autocast,
) -> tuple[list[Loss], Tensor]:
    """Set ``.grad`` from micro-batches and ranks: gradient sums over summed counts, per unit."""
    losses: list[Loss] = []
    sums: dict[str, list[Tensor]] = {}
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
            add_up(sums.setdefault(unit, [torch.zeros_like(p) for p in parameters]), found)
            totals[unit] = totals.get(unit, 0.0) + total.detach()
            counts[unit] = counts.get(unit, 0.0) + terms[0].count
    if context.world > 1:
        reduce_ranks(sums, totals, counts)
    for place, parameter in enumerate(parameters):
        pieces = [sums[unit][place] / counts[unit] for unit in sums]
        parameter.grad = sum(pieces[1:], pieces[0])
    means = [totals[unit] / counts[unit] for unit in totals]
    return losses, sum(means[1:], means[0])


def add_up(sums: list[Tensor], found: tuple[Tensor | None, ...]) -> None:
    """Add each gradient found to its running sum, in place."""
    for total, gradient in zip(sums, found, strict=True):
        if gradient is not None:
            total += gradient


def reduce_ranks(
    sums: dict[str, list[Tensor]], totals: dict[str, Tensor], counts: dict[str, float]
) -> None:
    """Sum gradients, totals and counts over ranks, in place; ranks must name the same units."""
    device = next(iter(totals.values())).device
    tallies = {u: torch.tensor(c, dtype=torch.float64, device=device) for u, c in counts.items()}
    flat = [gradient for unit in sums for gradient in sums[unit]]
    sum_over_ranks([*flat, *totals.values(), *tallies.values()])
    counts.update({unit: float(tally) for unit, tally in tallies.items()})


def detached(loss: Loss) -> Loss:
    """Return the loss without its graph, so that a finished micro-batch frees its memory."""
    parts = {
        name: Term(term.total.detach(), term.count, term.weight, term.per)
        for name, term in loss.parts.items()
    }
    return Loss(parts, loss.feedback)
