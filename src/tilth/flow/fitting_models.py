"""Which networks of the package take a kind of data: those with arguments for what it has."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from tilth import registry
from tilth.errors import UserError, choose, nearest

MODELS = "tilth.models"
WORDS = {"images": "pictures", "table": "tables", "dataset": "items of your own"}
NAMING = ("timm_backbone", "torchvision_backbone", "fcn")
"""Files whose ``named`` knows nets by names that are no files; the first that does is taken."""


def named_model(name: str) -> tuple[str, dict[str, Any]]:
    """Return the file of ``models/`` and the arguments that a model's name stands for.

    Raises UserError for a name that neither the package nor timm or torchvision knows.

    >>> named_model("mlp"), named_model("resnet34")
    (('mlp', {}), ('timm_backbone', {'backbone': 'resnet34'}))
    >>> named_model("alexnet")
    ('torchvision_backbone', {'backbone': 'alexnet'})
    """
    own = registry.names(MODELS)
    if name in own or not isinstance(name, str):
        return choose(name, own, "model"), {}
    for file in NAMING:
        arguments = registry.stated(MODELS, file, "named")(name)
        if arguments is not None:
            return file, arguments
    others = [one for file in NAMING for one in registry.stated(MODELS, file, "known")()]
    guess = nearest(name, [*own, *others])
    raise UserError(
        f"unknown model {name!r}",
        rule="a model is a file of tilth.models, or a backbone of timm or torchvision by its name",
        choices=own,
        fix=f"did you mean {guess!r}?" if guess else "see `tilth doctor`",
    )


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
    taken = inspect.signature(registry.find(MODELS, name)).parameters
    missing = [argument for argument in known if argument not in taken]
    if missing:
        what = "answer" if set(missing) <= {"outputs", "pixel_outputs"} else "input"
        raise UserError(
            f"{name} for {WORDS.get(kind, kind)}",
            rule=f"its {what} is of another kind: it takes no {' and '.join(missing)}",
            choices=fitting_models(known),  # to ask them all imports whole libraries
            fix=f"name one of those{', or leave the model out' * (kind != 'dataset')}",
        )
