"""Domain adaptation side by side: source-only, DANN, CDAN and what target labels would give.

    TILTH_DATA=... python -m bench.domains usps --arms source dann cdan target --seeds 5

MNIST -> USPS: USPS pictures are stretched from 16 to 28 px; their labels are used only to judge
(and by the arm ``target``). MNIST -> colour: |digit - patch| with random crops of cifar10_small
(Ganin et al. 2016, section 5.2.4, with other photographs). Accuracy is that of the last step on
the target domain's test rows; nothing is chosen by looking at it.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from tilth.contracts import Player
from tilth.data.augment import Augment, augment_pictures
from tilth.data.idx import read_idx
from tilth.data.paired import Domain, PairedSource
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.models.domain_net import domain_net
from tilth.objectives.domain_adversarial import DomainAdversarial
from tilth.objectives.supervised import CrossEntropy, Supervised
from tilth.randomness import fold, numpy_generator
from tilth.train.loop import Loop
from tilth.train.numerics import Numerics
from tilth.train.schedules import one_cycle

SIDE = 28
PEAKS = {"dann": 1.0, "cdan": 0.1}  # the paper's, and what short trainings bear: docs/log.md
Digits = tuple[torch.Tensor, torch.Tensor]  # [N, C, 28, 28] uint8 and [N] int64


def mnist(folder: Path, part: str) -> Digits:
    """Return MNIST's "train" or "t10k"."""
    pictures = read_idx(folder / "mnist" / f"{part}-images-idx3-ubyte.gz")
    labels = read_idx(folder / "mnist" / f"{part}-labels-idx1-ubyte.gz")
    return torch.from_numpy(pictures)[:, None], torch.from_numpy(labels.astype(np.int64))


def usps(folder: Path, part: str) -> Digits:
    """Return USPS's "train" or "test", stretched to 28 px."""
    with gzip.open(folder / "usps" / f"zip.{part}.gz", "rt") as lines:
        rows = torch.from_numpy(np.loadtxt(lines, dtype=np.float32))
    grey = (rows[:, 1:].reshape(-1, 1, 16, 16) + 1) * 127.5
    large = F.interpolate(grey, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return large.round().to(torch.uint8), rows[:, 0].long()


def photographs(folder: Path, part: str) -> np.ndarray:
    """Return cifar10_small's pictures, [N, 32, 32, 3] uint8."""
    with zipfile.ZipFile(next((folder / "cifar10_small").glob("*.zip"))) as archive:
        names = [n for n in sorted(archive.namelist()) if f"{part}/" in n and n.endswith(".jpg")]
        read = (Image.open(io.BytesIO(archive.read(name))) for name in names)
        return np.stack([np.asarray(picture.convert("RGB")) for picture in read])


def coloured(digits: Digits, patches: np.ndarray, seed: int) -> Digits:
    """Return |digit - patch| for a random crop of a random photograph per digit."""
    pictures, labels = digits
    draws = numpy_generator(seed, "patches")
    chosen = draws.integers(len(patches), size=len(pictures))
    tops, lefts = draws.integers(32 - SIDE + 1, size=(2, len(pictures)))
    crops = np.empty((len(pictures), SIDE, SIDE, 3), np.uint8)
    for row, (number, top, left) in enumerate(zip(chosen, tops, lefts, strict=True)):
        crops[row] = patches[number, top : top + SIDE, left : left + SIDE]
    backs = torch.from_numpy(crops).permute(0, 3, 1, 2).to(torch.int16)
    return (pictures.to(torch.int16) - backs).abs().to(torch.uint8), labels


def domains(folder: Path, name: str) -> tuple[Digits, Digits, Digits]:
    """Return the source's train, the target's train and test rows."""
    source = mnist(folder, "train")
    if name == "usps":
        return source, usps(folder, "train"), usps(folder, "test")
    target = coloured(source, photographs(folder, "train"), 0)
    test = coloured(mnist(folder, "t10k"), photographs(folder, "test"), 1)
    return (source[0].expand(-1, 3, -1, -1).contiguous(), source[1]), target, test


def scaled(raw: torch.Tensor, keys: torch.Tensor, epoch: int) -> torch.Tensor:
    return raw.float() / 127.5 - 1


class Moved:
    """Scales pictures after moving, tilting and zooming them a little, as digits may be."""

    LIMITS = Augment(flip=False, rotate_degrees=10, zoom=1.2, warp=0.1, light=0.0, shift=0.1)

    def __init__(self, channels: int, seed: int) -> None:
        self.middle, self.seed = torch.full((channels,), 127.5), seed

    def __call__(self, raw: torch.Tensor, keys: torch.Tensor, epoch: int) -> torch.Tensor:
        return augment_pictures(
            raw,
            keys,
            epoch,
            augment=self.LIMITS,
            mean=self.middle,
            std=self.middle,
            seed=self.seed,
            white=255.0,
        )


def fit(arm: str, source: Digits, target: Digits, seed: int, options: Any) -> torch.nn.Module:
    """Return a net trained on both domains, or on one of them."""
    torch.manual_seed(seed)
    channels = source[0].shape[1]
    prepare = [Moved(channels, fold(seed, side)) if options.augment else scaled for side in "ab"]
    condition = arm == "cdan"
    model = domain_net(
        channels=channels, size=SIDE, labels=10, width=options.width, conditional=condition
    )
    if arm in ("source", "target"):
        pictures, labels = source if arm == "source" else target
        rows, objective = np.arange(len(pictures)), Supervised(CrossEntropy())
        batches: Any = DatasetSource(
            ResidentStore(pictures), labels, rows, options.batch, prepare=prepare[0], seed=seed
        )
    else:
        objective = DomainAdversarial(condition=condition, peak=PEAKS[arm])
        sides = (
            Domain(ResidentStore(source[0]), np.arange(len(source[0])), prepare[0], source[1]),
            Domain(ResidentStore(target[0]), np.arange(len(target[0])), prepare[1]),
        )
        batches = PairedSource(*sides, options.batch, seed=seed)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.01, fused=True)
    momenta = (options.momentum, options.momentum)  # high ones let players circle each other
    players = {"model": Player(parameters, optimizer, one_cycle(momenta=momenta))}
    Loop(
        model,
        [objective],
        batches,
        players,
        total_steps=options.steps,
        seed=seed,
        numerics=Numerics(dtype="bfloat16", channels_last=True),
    ).fit()
    return model.eval()


@torch.no_grad()
def accuracy(model: torch.nn.Module, digits: Digits) -> float:
    pieces = zip(digits[0].split(500), digits[1].split(500), strict=True)
    right = sum(int((model(scaled(p, p, 0)).argmax(1) == y).sum()) for p, y in pieces)
    return right / len(digits[1])


def main() -> None:
    """Run the arms asked for; print a line per fit, then mean and spread per arm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pair", choices=["usps", "colour"])
    parser.add_argument("--arms", nargs="+", default=["source", "dann", "cdan", "target"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64, help="rows of each domain")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--momentum", type=float, default=0.5)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--augment", action="store_true")
    options = parser.parse_args()
    source, target, test = domains(Path(os.environ["TILTH_DATA"]), options.pair)
    found: dict[str, list[float]] = {arm: [] for arm in options.arms}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for arm in options.arms:
            begun = time.process_time()
            model = fit(arm, source, target, seed, options)
            score, seconds = accuracy(model, test), time.process_time() - begun
            found[arm].append(score)
            line = {"arm": arm, "seed": seed, "accuracy": score, "cpu_seconds": round(seconds)}
            print(json.dumps(line), flush=True)
    for arm, scores in found.items():
        spread = np.std(scores, ddof=1) if len(scores) > 1 else float("nan")
        print(f"{options.pair} {arm}: {np.mean(scores):.4f} +- {spread:.4f}, n={len(scores)}")


if __name__ == "__main__":
    main()
