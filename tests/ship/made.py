"""Small models and their bundles, for the tests of this folder."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
import torch
from PIL import Image
from torch import nn

from tilth.data.dataset import Target
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.table_columns import Column
from tilth.data.table_encoder import TableEncoder
from tilth.models.tabular_mlp import tabular_mlp
from tilth.models.two_conv import two_conv
from tilth.ship.bundle import save_bundle

ANIMALS = Target("animal", "classes", labels=("cat", "dog", "hen"))
PRICE = Target("price", "number", mean=200.0, scale=50.0)
ARGUMENTS = {"channels": 3, "size": 16, "outputs": 3, "width": 4, "hidden": 8}
PICTURES = ImagePreprocessor(16, 16, 3, mean=(100.0, 110.0, 120.0), std=(50.0, 60.0, 70.0))


def network(seed=0, **changes):
    torch.manual_seed(seed)
    return two_conv(**{**ARGUMENTS, **changes})


def bundle(folder, model=None, **changes):
    """Save a bundle of a small classifier of pictures; ``changes`` replace arguments."""
    given = {
        "architecture": {"name": "two_conv", "arguments": ARGUMENTS},
        "preprocessor": PICTURES,
        "target": ANIMALS,
        "task": "classify",
        "temperature": 2.0,
        "card": {},
        **changes,
    }
    save_bundle(folder, model=model or network(), **given)
    return folder


def pictures(folder, count=5, size=20):
    """Write ``count`` random PNG files and return their paths, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    paths = [folder / f"{number:03}.png" for number in range(count)]
    for path in paths:
        pixels = generator.integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


class Columns:
    """A preprocessor of one's own: rows with the number x become tensors [rows, 1]."""

    kind: ClassVar[str] = "columns"

    def __call__(self, raw):
        return torch.tensor([[float(row["x"])] for row in raw])

    def to_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls()


class Line(nn.Module):
    """A network of one's own."""

    def __init__(self, outputs=1):
        super().__init__()
        self.layer = nn.Linear(1, outputs)

    def forward(self, inputs):
        return self.layer(inputs)


HOUSES = pl.DataFrame(
    {
        "area": [50.0, 80.0, 120.0, None, 200.0, 65.0, 75.0, 90.0, 110.0],
        "city": ["Bonn", "Ulm", "Bonn", "Kiel", "Ulm", "Bonn", "Kiel", "Ulm", "Kiel"],
    }
)


def table_bundle(folder, target=ANIMALS, seed=0):
    """Save a bundle of a small model of HOUSES: classes or a number, as the target says."""
    columns = [Column("area", "number", ""), Column("city", "category", "")]
    encoder = TableEncoder.fit(HOUSES, columns, np.arange(len(HOUSES)))
    arguments = {
        "num_numbers": encoder.num_numbers,
        "cardinalities": encoder.cardinalities,
        "outputs": len(target.labels) or 1,
        "layers": [8],
    }
    torch.manual_seed(seed)
    model = tabular_mlp(**arguments)
    task, temperature = ("classify", 0.5) if target.labels else ("regress", 1.0)
    architecture = {"name": "tabular_mlp", "arguments": arguments}
    bundle(
        folder,
        model,
        architecture=architecture,
        preprocessor=encoder,
        target=target,
        task=task,
        temperature=temperature,
    )
    return folder
