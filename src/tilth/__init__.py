"""tilth: from your own data to a model you can trust and run.

>>> import tilth as tl
>>> "Learner" in dir(tl)
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilth.contracts import BaseHook as BaseHook
    from tilth.errors import TilthError as TilthError
    from tilth.errors import UserError as UserError
    from tilth.flow.learner import Learner as Learner
    from tilth.flow.own_data import dataset as dataset
    from tilth.flow.paint import paint as paint
    from tilth.flow.run import Run as Run
    from tilth.flow.settings import TrainSettings as TrainSettings
    from tilth.flow.several import cross_validate as cross_validate
    from tilth.flow.several import repeat as repeat
    from tilth.flow.sources import arrays as arrays
    from tilth.flow.sources import domains as domains
    from tilth.flow.sources import images as images
    from tilth.flow.sources import table as table
    from tilth.flow.sources import world as world
    from tilth.ship.predictor import Predictor as Predictor
    from tilth.ship.predictor import load as load
    from tilth.tasks import Metric as Metric

__version__ = "0.1.0"

# imported on first use, so that `import tilth` and `tilth --help` do not wait for torch
_HOMES = {
    "BaseHook": "tilth.contracts",
    "Learner": "tilth.flow.learner",
    "Metric": "tilth.tasks",
    "Predictor": "tilth.ship.predictor",
    "Run": "tilth.flow.run",
    "TilthError": "tilth.errors",
    "TrainSettings": "tilth.flow.settings",
    "UserError": "tilth.errors",
    "arrays": "tilth.flow.sources",
    "cross_validate": "tilth.flow.several",
    "dataset": "tilth.flow.own_data",
    "domains": "tilth.flow.sources",
    "images": "tilth.flow.sources",
    "load": "tilth.ship.predictor",
    "paint": "tilth.flow.paint",
    "repeat": "tilth.flow.several",
    "table": "tilth.flow.sources",
    "world": "tilth.flow.sources",
}

__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    from tilth.errors import nearest

    guess = nearest(name, _HOMES)
    hint = f"; did you mean {guess!r}?" if guess else ""
    raise AttributeError(f"module 'tilth' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
