"""Scores of items beside simple ways, against NumPy."""

from types import MappingProxyType

import numpy as np
import pytest

from tests.audit.stand_ins import number_rows
from tilth.audit.judged import Contestant, Section, judged
from tilth.audit.row_records import unpack
from tilth.tasks import Metric
from tilth.tasks._item_means import mean_of


class Weighing:
    name, answers, look, main_metric = "weighing", "codes", "none", "weight"
    metrics = MappingProxyType(
        {"weight": Metric("weight", mean_of(0), "min"), "width": Metric("width", mean_of(1))}
    )


@pytest.fixture(scope="module")
def made():
    data = number_rows()
    stream = np.random.default_rng(0)
    rows = len(data.splits["test"])
    net = stream.normal(1.0, 0.1, size=(rows, 2))
    other = net + np.array([0.5, 0.0])
    sections = [Section("What it holds", lines=["A line."], table={"head": ["a"], "rows": [["1"]]})]
    found = judged(
        Weighing(),
        data,
        Contestant("net", "this net", net),
        [Contestant("scale", "a kitchen scale", other, 0.25, ["rusty"])],
        subtitle="Weights",
        things="parcels",
        sections=sections,
        not_checked=["Dust: whether it lies on them."],
        seed=0,
        warnings=["", "The scale is old."],
    )
    return data, net, found


def test_scores_are_means_with_intervals_around_them(made):
    _, net, found = made
    weight = found["test"]["weight"]
    assert weight["value"] == pytest.approx(net[:, 0].mean())
    half = 1.96 * net[:, 0].std() / len(net) ** 0.5  # the central limit theorem's interval
    assert weight["low"] == pytest.approx(net[:, 0].mean() - half, abs=0.3 * half)
    assert weight["high"] == pytest.approx(net[:, 0].mean() + half, abs=0.3 * half)


def test_the_difference_is_paired_and_less_is_better_here(made):
    _, _, found = made
    (scale,) = found["baselines"]
    gap = scale["difference"]
    assert gap["value"] == pytest.approx(0.5) and gap["verdict"] == "better"
    assert gap["high"] - gap["low"] < 1e-9  # every item differs by as much
    assert scale["notes"] == ["rusty"]
    assert "better than the best simple baseline (a kitchen scale, 1.4" in found["headline"]
    assert found["headline"].startswith(f"On {found['test_count']} test parcels")


def test_values_of_items_are_kept_to_compare_runs(made):
    data, net, found = made
    order = np.argsort(data.id_keys(data.splits["test"]), kind="stable")
    assert np.allclose(unpack(found["test_rows"])["weight"], net[order, 0], atol=1e-6)


def test_sections_have_anchors(made):
    assert [part["anchor"] for part in made[2]["sections"]] == ["what-it-holds"]


def test_warnings_are_kept_and_empty_ones_left_out(made):
    assert made[2]["warnings"] == ["The scale is old."]
