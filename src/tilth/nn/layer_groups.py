"""The layers of a model in groups by depth: what is frozen, and what learns at its own rate.

The inputs' end of a net learns what is general, its outputs' end what is special to the task
(Yosinski et al. 2014, "How transferable are features in deep neural networks?").
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from tilth.errors import UserError

BODY_GROUPS = 3
"""Most groups of a body: with its head four, as in ULMFiT (Howard and Ruder 2018)."""

Modules = list[nn.Module]


def layer_groups(model: nn.Module) -> list[Modules]:
    """Return the modules of ``model`` in groups, from its first layers to its head.

    Every module is in exactly one group, and brings the parameters that are its own (not those of
    its parts, which stand in the list themselves). The last group is ``model.head``, where there
    is none the last part that has parameters; ``model.head_parts()`` names several, such as a
    decoder that begins anew on an encoder that does not. The rest is cut, in the order in which it
    was made, into at most three groups of about as many layers; a part (a stage, a block) is cut
    only where it holds more than half of them. A model that was made in another order says itself:
    ``model.layer_groups()`` returns lists of modules, first layers first.

    Raises UserError where the model's own lists share a module or miss a parameter.

    >>> net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> [[type(module).__name__ for module in group] for group in layer_groups(net)]
    [['Sequential', 'Linear', 'ReLU'], ['Linear', 'ReLU'], ['Linear']]
    """
    own = getattr(model, "layer_groups", None)
    if callable(own):
        return _as_told(model, own())
    top = list({id(m): m for part in _head_parts(model) for m in part.modules()}.values())
    apart = {id(module) for module in top}
    rest = sum(_layers(child, apart) for child in model.children())
    return _with_parameters([*_cut(_blocks(model, rest / 2, apart)), top])


def group_parameters(groups: Sequence[Modules]) -> list[list[nn.Parameter]]:
    """Return the parameters of each group; one that groups share is the last one's.

    >>> [len(found) for found in group_parameters([[nn.Linear(2, 2)], [nn.ReLU()]])]
    [2, 0]
    """
    home: dict[nn.Parameter, int] = {}
    for place, group in enumerate(groups):
        for module in group:
            home.update(dict.fromkeys(module.parameters(recurse=False), place))
    return [[one for one, where in home.items() if where == place] for place in range(len(groups))]


def _head_parts(model: nn.Module) -> list[nn.Module]:
    """Return what answers at the end; nothing where it cannot be told apart."""
    told = getattr(model, "head_parts", None)
    if callable(told):
        return list(told())
    named = getattr(model, "head", None)
    if isinstance(named, nn.Module) and any(True for _ in named.parameters()):
        return [named]
    module = model
    while True:
        parts = [part for part in module.children() if any(True for _ in part.parameters())]
        if len(parts) > 1:
            return parts[-1:]
        if not parts:
            return []
        (module,) = parts


def _layers(module: nn.Module, apart: set[int]) -> int:
    """Return how many matrices and kernels a part holds, without those set ``apart``."""
    found = (one for one in module.modules() if id(one) not in apart)
    return sum(p.dim() >= 2 for one in found for p in one.parameters(recurse=False))


def _blocks(module: nn.Module, most: float, apart: set[int]) -> list[Modules]:
    """Return a part in pieces, opened where it holds more than ``most`` layers."""
    children = [child for child in module.children() if id(child) not in apart]
    whole = apart.isdisjoint(map(id, module.modules()))
    if whole and (not children or _layers(module, apart) <= most):
        return [list(module.modules())]
    found = [block for child in children for block in _blocks(child, most, apart)]
    if not found:
        return [[module]]
    found[0].insert(0, module)
    return found


def _cut(found: list[Modules]) -> list[Modules]:
    """Join consecutive blocks to at most BODY_GROUPS groups of about as many layers."""
    sizes: list[int] = []
    seen: set[int] = set()
    for block in found:
        block[:] = [module for module in block if id(module) not in seen]  # what is used twice
        seen |= {id(module) for module in block}
        sizes.append(sum(p.dim() >= 2 for m in block for p in m.parameters(recurse=False)))
    total, number = sum(sizes), min(BODY_GROUPS, sum(size > 0 for size in sizes))
    groups: list[Modules] = [[] for _ in range(max(number, 1))]
    place = done = 0
    for block, size in zip(found, sizes, strict=True):
        if size:  # what has no kernels (a norm, an activation) goes with what stands before it
            place = min(int((done + size / 2) * number / total), number - 1)
        groups[place] += block
        done += size
    return groups


def _with_parameters(groups: Sequence[Modules]) -> list[Modules]:
    """Let groups without parameters join their neighbours."""
    kept: list[Modules] = []
    early: Modules = []
    for group in groups:
        if any(True for module in group for _ in module.parameters(recurse=False)):
            kept.append([*early, *group])
            early = []
        elif kept:
            kept[-1] += group
        else:
            early += group
    return kept or [early]


def _as_told(model: nn.Module, told: Sequence[Sequence[nn.Module]]) -> list[Modules]:
    """Return the model's own groups, whole; raise UserError where they are no partition."""
    name = type(model).__name__
    rule = "layer_groups() names every part that has parameters, each in one list"
    groups = [list({id(m): m for part in group for m in part.modules()}.values()) for group in told]
    named = [id(module) for group in groups for module in group]
    if len(named) > len(set(named)):
        twice = next(m for group in groups for m in group if named.count(id(m)) > 1)
        raise UserError(f"{name}.layer_groups() has a {type(twice).__name__} twice", rule=rule)
    left = [module for module in model.modules() if id(module) not in set(named)]
    missed = [m for m in left if any(True for _ in m.parameters(recurse=False))]
    if missed:
        what = ", ".join(type(module).__name__ for module in missed[:3])
        raise UserError(f"{name}.layer_groups() leaves out {what}", rule=rule)
    return _with_parameters([left, *groups])
