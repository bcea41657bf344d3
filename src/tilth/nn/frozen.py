"""Freezing: the first layer groups of a model are held still while the others learn."""

from __future__ import annotations

from torch import nn

from tilth.errors import UserError
from tilth.nn.layer_groups import group_parameters, layer_groups


class Frozen:
    """Which parts of a model are held still: no gradients, and evaluation mode while it trains.

    Parameters that took no gradient before are none of its business: they stay as they were.

    >>> net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    >>> frozen = Frozen(net)
    >>> frozen.hold(1)
    >>> [parameter.requires_grad for parameter in net.parameters()]
    [False, False, False, False, True, True]
    >>> [type(module).__name__ for module in frozen.modules]
    ['Linear', 'BatchNorm1d']
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.count = model, 0
        self.modules: list[nn.Module] = []
        self._held: list[nn.Parameter] = []

    def hold(self, count: int) -> None:
        """Hold the first ``count`` layer groups still, and nothing else any more.

        Raises UserError where that leaves no group to learn.
        """
        if count == self.count:
            return
        groups = layer_groups(self.model)
        check_count(count, len(groups), type(self.model).__name__)
        for parameter in self._held:
            parameter.requires_grad_(True)
        self.count, self.modules = count, still_modules(groups, count)
        still = [one for group in group_parameters(groups)[:count] for one in group]
        self._held = [parameter for parameter in still if parameter.requires_grad]
        for parameter in self._held:
            parameter.requires_grad_(False)


def still_modules(groups: list[list[nn.Module]], count: int) -> list[nn.Module]:
    """Return the modules of the first ``count`` groups that hold nothing of the others."""
    still = {id(module) for group in groups[:count] for module in group}
    return [
        module
        for group in groups[:count]
        for module in group
        if all(id(part) in still for part in module.modules())
    ]


def check_count(count: int, groups: int, name: str) -> None:
    """Raise UserError where so many groups cannot be frozen, or one alone is all there is.

    >>> check_count(2, 2, "Net")
    Traceback (most recent call last):
    tilth.errors.UserError: 2 of the 2 layer groups of Net frozen; between 0 and 1, ...
    """
    if groups == 1:
        raise UserError(
            f"{name} has one layer group",
            rule="the first groups are frozen, and the last one learns",
            fix="give it a body and a head, or a method layer_groups()",
        )
    if not 0 <= count < groups:
        raise UserError(
            f"{count} of the {groups} layer groups of {name} frozen",
            rule=f"between 0 and {groups - 1}, so that something is left to learn",
            fix=f"learn.freeze() holds {groups - 1} still",
        )
