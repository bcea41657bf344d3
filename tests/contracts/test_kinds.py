"""A kind of data states what is usual for it beside its class."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil

import numpy as np
import polars as pl
import pytest

import tilth as tl
import tilth.data
from tilth.audit.baselines import fit_baselines
from tilth.audit.unchecked import not_checked
from tilth.data.dataset import Data
from tilth.data.table_set import TableData
from tilth.data.usual import Usual
from tilth.flow.plan import make_plan
from tilth.flow.settings import TrainSettings
from tilth.tasks._choice import build_for


def kinds() -> list[type[Data]]:
    for module in pkgutil.iter_modules(tilth.data.__path__):
        importlib.import_module(f"tilth.data.{module.name}")
    waiting, found = [Data], []
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        found += [kind] if "kind" in vars(kind) and kind.__module__.startswith("tilth.") else []
    return found


def test_every_kind_is_found():
    assert {kind.kind for kind in kinds()} >= {"images", "table", "dataset"}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.kind)
def test_it_says_what_is_usual(kind):
    assert isinstance(vars(kind)["usual"], Usual)
    assert kind.usual.epochs[0] <= kind.usual.epochs[1]
    assert kind.usual.unchecked.endswith(".")


def test_a_kind_that_nobody_has_heard_of_brings_its_own():
    class Sounds(TableData):
        kind = "sounds"
        usual = dataclasses.replace(
            TableData.usual, lr=0.5, epochs=(3, 3), baseline_rows=20, unchecked="Wind."
        )

    draws = np.random.default_rng(0).normal(size=(90, 2))
    frame = pl.DataFrame({"a": draws[:, 0], "b": draws[:, 1], "y": draws @ [2.0, 1.0]})
    data = tl.table(frame, "y")
    data.__class__ = Sounds
    plan = make_plan(
        data, build_for("number", {"target": data.target}), TrainSettings(), device="cpu"
    )
    assert (plan.lr, plan.epochs) == (0.5, 3)
    assert "Wind." in not_checked(data, temperature_fitted=True)
    (linear,) = (one for one in fit_baselines(data, data.splits["test"]) if one.name == "linear")
    assert "fitted on 20 of" in linear.notes[0]
