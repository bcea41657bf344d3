"""Small data sets and runs for the audit's tests, without readers or training."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tilth.data.dataset import SPLITS, Finding, IntArray, Prepare, Rows, Store, Target
from tilth.data.image_set import ImageData
from tilth.data.table_set import TableData
from tilth.train.evaluate import Outputs
from tilth.train.toml import dump


@dataclass
class PlainRows(Rows):
    """Plain features and targets; what the audit asks of data and nothing else."""

    features: np.ndarray = field(default_factory=lambda: np.zeros((0, 1), np.float32))
    encoded: Tensor = field(default_factory=lambda: torch.zeros(0))
    found: list[Finding] = field(default_factory=list)
    names: Callable[[int], str] = "row {}".format

    kind: ClassVar[str] = "table"
    usual = TableData.usual

    @property
    def store(self) -> Store:
        raise NotImplementedError

    @property
    def targets(self) -> Tensor:
        return self.encoded

    def prepare(self, *, train: bool, seed: int = 0) -> Prepare:
        raise NotImplementedError

    def item_id(self, row: int) -> str:
        return self.names(row)

    def show_item(self, row: int) -> dict[str, Any]:
        return {"row": {f"column {i}": x for i, x in enumerate(self.features[row])}}

    def flat_features(self, rows: IntArray) -> np.ndarray:
        return self.features[rows]

    def tree_features(self, rows: IntArray) -> tuple[np.ndarray, np.ndarray]:
        return self.features[rows], np.zeros(self.features.shape[1], dtype=bool)

    def findings(self) -> list[Finding]:
        return self.found

    def fingerprint(self) -> str:
        return hashlib.sha256(self.features.tobytes()).hexdigest()

    def model_arguments(self) -> dict[str, Any]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {}


@dataclass
class Pictures(PlainRows):
    """Square grey pictures, features in [0, 1]."""

    kind: ClassVar[str] = "images"
    usual = ImageData.usual

    def show_item(self, row: int) -> dict[str, Any]:
        side = int(self.features.shape[1] ** 0.5)
        pixels = (255 * self.features[row].reshape(side, side)).clip(0, 255).astype(np.uint8)
        written = io.BytesIO()
        Image.fromarray(pixels).save(written, "PNG")
        return {"png": written.getvalue()}


def cut(count: int, seed: int = 0) -> dict[str, IntArray]:
    """Return splits of 60, 10, 10 and 20 parts in a hundred."""
    order = np.random.default_rng(seed).permutation(count)
    ends = (np.cumsum([0.6, 0.1, 0.1]) * count).round().astype(int)
    parts = np.split(order.astype(np.int64), ends)
    return {name: np.sort(part) for name, part in zip(SPLITS, parts, strict=True)}


def class_rows(
    count: int = 400,
    labels: tuple[str, ...] = ("no", "yes"),
    *,
    noise: float = 1.0,
    kind: type[PlainRows] = PlainRows,
    width: int = 16,
    seed: int = 0,
) -> PlainRows:
    """Return classes around random centres."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(0, len(labels), count)
    centres = generator.random((len(labels), width))
    features = centres[classes] + noise * 0.3 * generator.normal(size=(count, width))
    return kind(
        "stand-in",
        Target("kind", "classes", labels),
        cut(count, seed),
        features=features.astype(np.float32),
        encoded=torch.from_numpy(classes),
    )


def number_rows(count: int = 400, *, seed: int = 0) -> PlainRows:
    """Return numbers that are linear in eight features, with noise."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(count, 8)).astype(np.float32)
    values = features @ generator.normal(size=8) + 0.5 * generator.normal(size=count)
    data = PlainRows("stand-in", Target("price", "number"), cut(count, seed), features=features)
    train = values[data.splits["train"]]
    data.target = Target("price", "number", mean=float(train.mean()), scale=float(train.std()))
    data.encoded = torch.from_numpy((values - data.target.mean) / data.target.scale).float()
    return data


def outputs_of(data: Rows, answer: Callable[[IntArray], Any]) -> dict[str, Outputs]:
    """Return what a model that answers ``answer(rows)`` says about every split but train."""
    return {
        split: Outputs(
            torch.from_numpy(rows),
            torch.as_tensor(np.asarray(answer(rows), dtype=np.float32)),
            data.targets[torch.from_numpy(rows)],
        )
        for split, rows in data.splits.items()
        if split != "train"
    }


def nearest_centre(data: PlainRows, *, sharpness: float = 4.0) -> Callable[[IntArray], np.ndarray]:
    """Return a fair classifier: logits from the distance to each class's mean in train."""
    rows = data.splits["train"]
    classes = data.encoded.numpy()[rows]
    means = np.stack(
        [data.features[rows][classes == k].mean(axis=0) for k in range(len(data.target.labels))]
    )

    def answer(asked: IntArray) -> np.ndarray:
        return -sharpness * ((data.features[asked][:, None] - means) ** 2).sum(axis=2)

    return answer


def write_run(folder: Path, audit: dict[str, Any], data: Rows | None = None) -> Path:
    """Write the files of a finished run around an audit."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audit.json").write_text(json.dumps(audit, allow_nan=False))
    (folder / "config.toml").write_text(dump(_config()))
    (folder / "env.json").write_text(json.dumps(_environment()))
    (folder / "DONE").write_text(json.dumps(_outcome()))
    metric, mode = audit["main_metric"], audit["metrics"][audit["main_metric"]]["mode"]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, _records(metric, mode))) + "\n")
    if data is not None:
        splits = {split: data.split_record(split) for split in data.splits}
        (folder / "data.json").write_text(json.dumps({"name": data.name, "splits": splits}))
    return folder


def training() -> dict[str, Any]:
    """Return what the flow adds to an audit."""
    rates = np.geomspace(1e-6, 1, 60)
    losses = 2.3 - 1.5 / (1 + (1e-3 / rates) ** 1.5) + 8 * np.maximum(0, rates - 0.05)
    return {
        "model": {"name": "small_resnet", "arguments": {"channels": 1, "size": [8, 8]}},
        "parameters": 1_234_567,
        "seconds": 41.2,
        "samples_per_second": 4321.0,
        "stopped": "planned end",
        "best_step": 180,
        "warm_start": [],
        "lr_finder": {
            "suggestion": 3e-3,
            "confident": True,
            "reason": "three readings of the curve agree within 2.1x",
            "rates": rates.tolist(),
            "losses": losses.tolist(),
        },
    }


def _config() -> dict[str, Any]:
    plan = {
        "epochs": 10,
        "batch_size": 64,
        "steps_per_epoch": 20,
        "total_steps": 200,
        "lr": 0.004,
        "schedule": "one_cycle",
        "weight_decay": 0.01,
        "numerics": {"dtype": "bfloat16", "channels_last": True, "compiled": False, "threads": 2},
        "reasons": {"batch_size": "at least twenty steps in an epoch"},
    }
    return {
        "seed": 0,
        "data": {"path": "digits"},
        "train": {"schedule": "one_cycle"},
        "phase": [plan],
    }


def _environment() -> dict[str, Any]:
    return {
        "time": "2030-01-02T03:04:05+00:00",
        "seed": 0,
        "command": ["tilth", "train", "digits"],
        "versions": {"python": "3.11.9", "tilth": "0.1.0", "torch": "2.15.0", "numpy": "2.4.6"},
        "hardware": {
            "processor": "A processor",
            "cores": 2,
            "threads": 2,
            "memory_bytes": 8 << 30,
            "gpus": [],
        },
        "git": {"commit": "0123456789abcdef", "changed": True},
    }


def _outcome() -> dict[str, Any]:
    return {"time": "2030-01-02T03:05:05+00:00", "steps": 200, "samples": 12_800, "seconds": 41.2}


def _records(metric: str, mode: str) -> list[dict[str, Any]]:
    """Return ten epochs of plausible curves."""
    records = []
    for epoch in range(1, 11):
        loss = 2.2 * 0.6**epoch + 0.08
        score = 0.98 - 0.6 * 0.55**epoch if mode == "max" else 3 * 0.6**epoch + 0.6
        records.append(
            {
                "phase": 0,
                "step": 20 * epoch,
                "epoch": float(epoch),
                "seconds": 4.1 * epoch,
                "lr": 0.004 * (1 - abs(epoch - 3) / 8),
                "train/loss": loss,
                "valid/log_loss": loss + 0.02 * epoch / 10,
                f"valid/{metric}": score,
            }
        )
    return records
