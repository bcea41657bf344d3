"""The demo: scikit-learn's handwritten digits through the whole flow."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tilth.data.dataset import Rows, as_rows
from tilth.flow.settings import Settings, TrainSettings
from tilth.flow.sources import arrays
from tilth.flow.train import Job, check_job, make_learner, train_learner


def digits() -> Rows:
    """Return the 1,797 handwritten digits, 8 x 8 px, as uint8 pictures."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = np.round(found.images * (255 / 16)).astype(np.uint8)  # they hold 0 to 16
    data = arrays(pixels, found.target)
    data.name = "digits"
    return data


def demo(
    folder: Path,
    *,
    seed: int = 0,
    force: bool = False,
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train on the digits with every default; return the summary."""
    again = f"tilth demo -o {shlex.quote(str(folder))} --seed {seed} --resume"
    samples = folder / "samples"
    settings = Settings(train=TrainSettings(seed=seed))
    job = Job(settings, folder, force=force, resume=resume, quiet=quiet, again=again)
    job = replace(job, new=shlex.quote(str(samples)))
    check_job(job)
    learner = make_learner(digits(), job)
    learner.again = again
    _, found = train_learner(learner, job)
    write_samples(as_rows(learner.data), samples)
    return found


def write_samples(data: Rows, folder: Path) -> None:
    """Write a test picture of each class into ``folder``, for the model to be asked about."""
    folder.mkdir(exist_ok=True)
    for place, label in enumerate(data.target.labels):
        rows = [row for row in data.splits["test"].tolist() if int(data.targets[row]) == place]
        (pixels,) = data.store.take(torch.tensor(rows[:1])).numpy()
        Image.fromarray(pixels[0]).save(folder / f"a-{label}.png")
