"""How well generators learn, through the flow that people call: modes, shares, labels, by seed.

    python -m bench.generate ring 0 1
    python -m bench.generate grid 0 1
    TILTH_DATA=... python -m bench.generate mnist 0

Points are 20,000 draws from mixtures of Gaussians, of which the flow keeps 70 % to learn from:
eight on a ring (Metz et al. 2017), or a grid of 25 (Lin et al. 2018). Of 10,000 made by the bundle,
one is good within ten deviations of a centre, and a mode counts with a quarter of its due share.
MNIST is made for its labels, and read by a net that was trained on real digits alone.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import tilth as tl

RING = 2 * torch.tensor([[math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)] for k in range(8)])
GRID = 2 * torch.cartesian_prod(*[torch.arange(-2.0, 3.0)] * 2)
POINTS: dict[str, tuple[Tensor, float, dict[str, Any]]] = {
    "ring": (RING, 0.02, {}),
    "grid": (
        GRID,
        0.05,
        {
            "task_arguments": {
                "loss": "wasserstein",
                "gradient_penalty": 0.035,
                "critic_steps": 3,
                "average_decay": 0.99,
            },
            "model_arguments": {"width": 256, "latent": 2},
            "epochs": 109,
        },
    ),
}
ROWS, MADE, WITHIN = 20_000, 10_000, 10


def points(name: str, seed: int, folder: Path) -> dict[str, float]:
    """Return modes and share of good points of a mixture."""
    centres, spread, given = POINTS[name]
    stream = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(centres), (ROWS,), generator=stream)
    rows = centres[labels] + spread * torch.randn(ROWS, 2, generator=stream)
    learner = tl.Learner(
        tl.arrays(rows, labels), task="generate", seed=seed, quiet=True, run=folder, **given
    )
    run = learner.fit(resume=True)
    run.report()
    made = torch.from_numpy(tl.load(run.export()).sample(MADE, seed=seed)).float()
    distances, nearest = torch.cdist(made, centres).min(1)
    good = distances < WITHIN * spread
    counts = torch.bincount(nearest[good], minlength=len(centres))
    return {
        "modes": int((counts > MADE / len(centres) / 4).sum()),
        "good": float(good.float().mean()),
        "steps": learner.plan.total_steps,
        "kept": run.folder.outcome["best_step"],
        "distance": run.audit()["test"]["kernel_distance"]["value"],
    }


def mnist(seed: int, folder: Path) -> dict[str, float]:
    """Return the share of test digits that are read as the label they were made for."""
    epochs = int(os.environ.get("EPOCHS", "0"))
    learner = tl.Learner(
        tl.images(Path(os.environ["TILTH_DATA"], "mnist")),
        task="generate",
        task_arguments={"conditional": True},
        seed=seed,
        run=folder,
        **({"epochs": epochs} if epochs else {}),
    )
    run = learner.fit(resume=True)
    run.report()
    run.export()
    found = {name: one["value"] for name, one in run.audit()["test"].items()}
    return {**found, "steps": learner.plan.total_steps, "kept": run.folder.outcome["best_step"]}


def main() -> None:
    """Run one of them with the seeds named; RUNS names a folder to keep the runs in."""
    name, *seeds = sys.argv[1:]
    for seed in map(int, seeds or ["0"]):
        base = os.environ.get("RUNS") or tempfile.mkdtemp()
        folder = Path(base, f"{name}-{seed}")
        begun = time.perf_counter()
        found = mnist(seed, folder) if name == "mnist" else points(name, seed, folder)
        told = "  ".join(f"{key} {value:.4g}" for key, value in found.items())
        print(f"{name} seed {seed}: {told}  ({time.perf_counter() - begun:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
