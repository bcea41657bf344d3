"""Which networks of the package take a kind of data: those with arguments for what it has."""

from __future__ import annotations

import inspect
from collections.abc import Collection

from tilth import registry
from tilth.errors import UserError, choose

MODELS = "tilth.models"
WORDS = {"images": "pictures", "table": "tables", "dataset": "items of your own"}


def fitting_models(known: Collection[str]) -> list[str]:
    """Return the models that take every one of the arguments which data and task make known.

    >>> fitting_models(["num_numbers", "cardinalities", "outputs"])
    ['tabular_mlp']
    """
    return [
        name
        for name in registry.names(MODELS)
        if set(known) <= set(inspect.signature(registry.find(MODELS, name)).parameters)
    ]


def check_model_fits(name: str, kind: str, known: Collection[str]) -> None:
    """Raise UserError for a model of the package that does not take this kind of data.

    known: names of the arguments that data and task make known

    >>> check_model_fits("mlp", "images", ["channels", "size"])
    """
    choose(name, registry.names(MODELS), "model")
    fitting = fitting_models(known)
    if name not in fitting:
        taken = inspect.signature(registry.find(MODELS, name)).parameters
        missing = [argument for argument in known if argument not in taken]
        raise UserError(
            f"{name} for {WORDS.get(kind, kind)}",
            rule=f"its input is of another kind: it takes no {' and '.join(missing)}",
            choices=fitting,
            fix=f"name one of those{', or leave the model out' * (kind != 'dataset')}",
        )
