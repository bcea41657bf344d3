"""From an architecture's name and plain arguments to a network, without trusting the names.

A name is looked up among the plugins that the caller gave and the files of ``tilth.models``;
nothing is ever imported because a file says so.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tilth import registry
from tilth.errors import UserError, choose
from tilth.ship.weights import mismatches

MODELS = "tilth.models"
START_WEIGHTS = "weights"
"""The argument of models that start from a file; a bundle has its own weights."""
LEARNING_ONLY = (START_WEIGHTS, "auxiliary")
"""Arguments of models that matter while they learn, and that a bundle leaves out."""

Plugin = type[nn.Module] | Callable[..., nn.Module] | nn.Module
"""Code of the caller's own: a class or function that makes the network, or the network itself."""


def to_ship(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the architecture as a bundle holds it.

    Raises UserError for a name that ``load(plugins=...)`` could not match.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise UserError(
            f"architecture name {name!r}",
            rule="it is the name of a class or function (a lambda has none)",
            fix="give the model a class or function of its own",
        )
    kept = {key: value for key, value in arguments.items() if key not in LEARNING_ONLY}
    return {"name": name, "arguments": kept}


def build(
    architecture: Mapping[str, Any], tensors: Mapping[str, Tensor], plugins: Sequence[Plugin]
) -> nn.Module:
    """Return the network of ``architecture`` holding ``tensors``.

    Raises UserError for an unknown name (listing what there is), arguments that do not fit, and
    tensors that do not (naming them).
    """
    name, arguments = architecture["name"], architecture["arguments"]
    own = plugin_names(plugins)
    if name in own:
        model = _from_plugin(name, own[name], arguments)
    else:
        model = _from_registry(name, arguments, tensors, list(own))
    _check(name, model, tensors)
    model.load_state_dict(dict(tensors))
    return model


def check_fits(architecture: Mapping[str, Any], model: nn.Module) -> None:
    """Raise UserError where a registry architecture does not describe ``model``.

    An architecture of the caller's own cannot be built here and is taken at its word.
    """
    name = architecture["name"]
    if name in registry.names(MODELS):
        skeleton = _skeleton(name, architecture["arguments"])
        if skeleton is not None:
            _check(name, skeleton, model.state_dict())


def plugin_names(plugins: Sequence[Any]) -> dict[str, Plugin]:
    """Return the plugins by the name that a bundle knows them by.

    >>> list(plugin_names([nn.Linear]))
    ['Linear']
    """
    named: dict[str, Plugin] = {}
    for plugin in plugins:
        if isinstance(plugin, nn.Module):
            named[type(plugin).__name__] = plugin
        elif callable(plugin):
            named[getattr(plugin, "__name__", type(plugin).__name__)] = plugin
        else:
            raise UserError(
                f"plugin {plugin!r}",
                rule="a plugin is a class, a function or a network of your own, never a name",
                fix="plugins=[MyNet]",
            )
    return named


def in_use(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a registry model without those that it would refuse as unused.

    Bundles may hold such from before they were refused, and a warm start brings what another net
    of the same file was built with.

    >>> in_use("unet", {"encoder": "resnet34", "width": 64})
    {'encoder': 'resnet34'}
    """
    unused = registry.stated(MODELS, name, "unused")
    left_out = unused(arguments) if unused else {}
    return {key: value for key, value in arguments.items() if key not in left_out}


def _from_plugin(name: str, plugin: Plugin, arguments: Mapping[str, Any]) -> nn.Module:
    if isinstance(plugin, nn.Module):
        return copy.deepcopy(plugin)  # the caller's own keeps its weights
    try:
        inspect.signature(plugin).bind(**arguments)
    except TypeError as error:
        raise UserError(
            f"{name} cannot be called with the arguments of the bundle {dict(arguments)} ({error})",
            fix=f"give the network itself, built as it was: plugins=[{name}(...)]",
        ) from error
    except ValueError:  # some callables of other languages do not tell what they take
        pass
    with torch.random.fork_rng(devices=[]):
        model = plugin(**arguments)
    if not isinstance(model, nn.Module):
        raise UserError(f"plugin {name} made a {type(model).__name__}", rule="it makes a network")
    return model


def _from_registry(
    name: str, arguments: Mapping[str, Any], tensors: Mapping[str, Tensor], own: list[str]
) -> nn.Module:
    known = registry.names(MODELS)
    if name not in known:
        try:
            choose(name, [*known, *own], "architecture")
        except UserError as error:
            guess = f"{error.fix} " if "did you mean" in error.fix else ""
            raise UserError(
                error.found,
                choices=error.choices,
                fix=f"{guess}if it is your own code, name it: load(folder, plugins=[{name}])",
            ) from None
    if START_WEIGHTS in arguments:
        raise UserError(
            f"config.json: {name} is given {START_WEIGHTS}={arguments[START_WEIGHTS]!r}",
            rule="a bundle names no other files; its weights are in model.safetensors",
        )
    skeleton = _skeleton(name, arguments)
    if skeleton is not None:  # before memory is taken for a network that does not fit anyway
        _check(name, skeleton, tensors)
    return _made(name, arguments)


def _skeleton(name: str, arguments: Mapping[str, Any]) -> nn.Module | None:
    """Return the network without memory for its tensors; None for those that need real ones."""
    try:
        with torch.device("meta"):
            return _made(name, arguments)
    except UserError as error:
        if isinstance(error.__cause__, NotImplementedError | RuntimeError):
            return None  # an operation that meta tensors do not have, or a real error: made again
        raise


def _made(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Build from the registry; whatever hostile arguments cause is a UserError."""
    try:
        with torch.random.fork_rng(devices=[]):  # initial weights are drawn, and thrown away
            model = registry.build(MODELS, name, in_use(name, arguments))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"config.json: {name} cannot be built from {dict(arguments)} ({error})",
            fix="get the bundle again from where it came from",
        ) from error
    if not isinstance(model, nn.Module):
        raise UserError(f"architecture {name!r} is not a network")
    return model


def _check(name: str, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    problems = mismatches(model.state_dict(), tensors)
    if problems:
        raise UserError(
            f"the weights do not fit {name}: {'; '.join(problems)}",
            fix="the code, the arguments or the weights are of another version of the model",
        )
