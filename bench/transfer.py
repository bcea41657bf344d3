"""What a body learned from other digits is worth: 5 to 9 from ten pictures a class.

    TILTH_DATA=... python -m bench.transfer few --seeds 5
    TILTH_DATA=... python -m bench.transfer sizes --seeds 3

few: the usual net learns MNIST's 0 to 4 (all training pictures of them), then 5 to 9 from ten
pictures a class, with rates by depth; beside it the same net learns those fifty from its first
values. Eight of ten pictures teach and two choose the epoch, for both. Judged on MNIST's test
pictures of 5 to 9; with --pick on 2,000 further *train* pictures of them, by which the settings
here were chosen.

sizes: the usual net learns MNIST at 14 px and goes on at 28 px (progressive resizing), beside as
many epochs at 28 px alone. Judged on MNIST's test pictures; seconds of training.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import tilth as tl
from bench.domains import Digits, mnist
from tilth.randomness import numpy_generator

PER_CLASS, TEACH = 10, 8
PICKED = 2000
SHARED: dict[str, Any] = {"quiet": True, "dtype": "float32", "channels_last": True, "patience": 0}


def low_digits(folder: Path) -> Any:
    """Return MNIST's 0 to 4, with its test pictures of them as the test."""
    return joined(*(chosen(mnist(folder, part), range(5)) for part in ("train", "t10k")))


def few_digits(folder: Path, seed: int, *, pick: bool) -> Any:
    """Return ten pictures each of 5 to 9, and what judges."""
    pictures, labels = chosen(mnist(folder, "train"), range(5, 10))
    order = torch.from_numpy(numpy_generator(seed, "few").permutation(len(labels)))
    ranked = [order[labels[order] == digit] for digit in range(5, 10)]
    teach = torch.cat([rows[:TEACH] for rows in ranked])
    choose = torch.cat([rows[TEACH:PER_CLASS] for rows in ranked])
    rest = torch.cat([rows[PER_CLASS : PER_CLASS + PICKED // 5] for rows in ranked])
    judge = (pictures[rest], labels[rest])
    if not pick:
        judge = chosen(mnist(folder, "t10k"), range(5, 10))
    learned = torch.cat([teach, choose])
    ends = np.cumsum([len(teach), len(choose), len(judge[0])])
    splits = {
        name: np.arange(end - count, end)
        for name, end, count in zip(
            ("train", "valid", "test"), ends, np.diff(ends, prepend=0), strict=True
        )
    }
    parts = zip((pictures[learned], labels[learned]), judge, strict=True)
    return tl.arrays(*(torch.cat(both) for both in parts), splits=splits)


def chosen(digits: Digits, wanted: range) -> Digits:
    """Return the pictures of some digits."""
    pictures, labels = digits
    rows = (labels >= wanted.start) & (labels < wanted.stop)
    return pictures[rows], labels[rows]


def joined(train: Digits, test: Digits) -> Any:
    """Return pictures to learn from and those that judge as one data set."""
    first = len(train[0])
    splits = {"train": np.arange(first), "test": np.arange(first, first + len(test[0]))}
    return tl.arrays(*(torch.cat(both) for both in zip(train, test, strict=True)), splits=splits)


def accuracy(learn: tl.Learner) -> float:
    """Return the share of the test pictures that is told rightly."""
    return learn.validate("test")["test/accuracy"]


def few(folder: Path, aside: Path, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Return the errors of one seed, fine-tuned and from scratch."""
    shared = {**SHARED, "seed": seed, "batch_size": options.batch}
    first = tl.Learner(
        low_digits(folder),
        run=aside / f"low-{seed}",
        epochs=options.body,
        **{**shared, "batch_size": 128},
    )
    body = first.fit().export()
    data = few_digits(folder, seed, pick=options.pick)
    tuned = tl.Learner(data, warm_start=body, run=aside / f"tuned-{seed}", **shared)
    tuned.fit(options.epochs, lr=slice(options.first_rate, options.last_rate))
    alone = tl.Learner(data, run=aside / f"alone-{seed}", epochs=options.scratch, **shared)
    alone.fit()
    found = {"low": accuracy(first), "tuned": 1 - accuracy(tuned), "scratch": 1 - accuracy(alone)}
    return {**found, "ratio": found["tuned"] / found["scratch"]}


def sizes(folder: Path, aside: Path, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Return accuracies and seconds of one seed: 14 px and then 28, and 28 alone."""
    large = [mnist(folder, part) for part in ("train", "t10k")]
    small = [(F.avg_pool2d(p.float(), 2).round().to(torch.uint8), labels) for p, labels in large]
    shared = {**SHARED, "seed": seed}
    before, after = 2, 1
    first = tl.Learner(joined(*small), run=aside / f"small-{seed}", epochs=before, **shared)
    run = first.fit()
    second = tl.Learner(
        joined(*large), warm_start=run.export(), run=aside / f"grown-{seed}", **shared
    )
    grown = second.fit(after)
    whole = tl.Learner(joined(*large), run=aside / f"whole-{seed}", **shared)
    alone = whole.fit(before + after)
    spent = run.folder.outcome["seconds"] + grown.folder.outcome["seconds"]
    return {
        "small": accuracy(first),
        "grown": accuracy(second),
        "alone": accuracy(whole),
        "seconds": spent,
        "seconds alone": alone.folder.outcome["seconds"],
    }


def main() -> None:
    """Run the seeds asked for; print a line for each, then mean and spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["few", "sizes"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--body", type=int, default=4, help="epochs on 0 to 4")
    parser.add_argument("--epochs", type=int, default=60, help="of fine-tuning")
    parser.add_argument("--scratch", type=int, default=60, help="epochs from scratch")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--first-rate", type=float, default=0.001, help="of the first layers")
    parser.add_argument("--last-rate", type=float, default=0.004, help="of the head")
    parser.add_argument("--pick", action="store_true", help="judge on train pictures")
    options = parser.parse_args()
    folder = Path(os.environ["TILTH_DATA"])
    lines = []
    with tempfile.TemporaryDirectory() as aside:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            lines.append(
                {"few": few, "sizes": sizes}[options.what](folder, Path(aside), seed, options)
            )
            print(json.dumps({"seed": seed, **lines[-1]}), flush=True)
    for name in lines[0]:
        scores = [line[name] for line in lines]
        spread = np.std(scores, ddof=1) if len(scores) > 1 else float("nan")
        print(f"{name}: {np.mean(scores):.4f} +- {spread:.4f}, n={len(scores)}")


if __name__ == "__main__":
    main()
