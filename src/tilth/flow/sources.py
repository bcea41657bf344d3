"""From what a person has to data: the first step of the flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tilth.data.dataset import Data
from tilth.data.image_data import ImageData, image_arrays, read_images
from tilth.data.table_data import TableData, read_table
from tilth.errors import UserError
from tilth.flow.arguments import checked
from tilth.flow.settings import DataSettings

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".test", ".parquet", ".pq", ".gz")
FRACTIONS = (0.7, 0.15, 0.15)
