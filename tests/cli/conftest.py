"""Data that the verbs are tried on, and one trained run."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tests.cli.calling import FAST, call


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("with spaces") / "naïve 模型"
    stream = np.random.default_rng(0)
    for label, level in (("dark", 60), ("light", 190)):
        (folder / label).mkdir(parents=True)
        for number in range(40):
            pixels = np.clip(stream.normal(level, 30, (12, 12)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    stream = np.random.default_rng(1)
    rooms, area = stream.integers(1, 6, 300), stream.normal(100, 20, 300)
    price = 50 * rooms + 2 * area + stream.normal(0, 5, 300)
    path = tmp_path_factory.mktemp("table") / "houses.csv"
    pl.DataFrame({"rooms": rooms, "area": area, "price": price}).write_csv(path)
    return path


@pytest.fixture(scope="session")
def trained(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "first"
    code, out, _ = call("train", pictures, "-o", folder, "--model", "mlp", *FAST, "--json", "-q")
    assert code == 0
    return folder, json.loads(out)


@pytest.fixture(scope="session")
def regressed(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "prices"
    words = ("--target", "price", "--epochs", "5", "--lr", "0.02", "--dtype", "float32")
    code, out, _ = call("train", table, "-o", folder, *words, "--json", "-q")
    assert code == 0
    return folder, json.loads(out)
