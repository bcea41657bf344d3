"""Two domains through the flow: adapting from MNIST to USPS or to colour, and translating.

    TILTH_DATA=... python -m bench.domains usps dann cdan --seeds 5

MNIST -> USPS: USPS pictures are stretched from 16 to 28 px. MNIST -> colour: |digit - patch| with
random crops of cifar10_small (Ganin et al. 2016, section 5.2.4, with other photographs). Scores are
those of the report: on the target's test rows, beside the same net on the source alone and on the
target's labels. With --pick a part of the target's *train* rows judges, so that settings can be
compared without opening the test rows. Without augmentation, as in the papers: moving and zooming
digits alone closes the gap to USPS (docs/log.md).
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import tilth as tl
from tilth.data.idx import read_idx
from tilth.randomness import numpy_generator

SIDE = 28
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


def data_of(folder: Path, name: str, *, pick: bool) -> Any:
    """Return both sets as data; pick: the last fifth of the target's train rows is its test."""
    (pictures, labels), target, test = domains(folder, name)
    source = tl.arrays(pictures, labels)
    source.name = "MNIST"
    if pick:
        cut = len(target[0]) * 4 // 5
        target, test = ((part[:cut] for part in target), [part[cut:] for part in target])
    parts = [torch.cat([train, judged]) for train, judged in zip(target, test, strict=True)]
    first = len(parts[0]) - len(test[0])
    splits = {"train": np.arange(first), "test": np.arange(first, len(parts[0]))}
    onto = tl.arrays(*parts, splits=splits)
    onto.name = name
    return tl.domains(source, onto)


def learner(data: Any, arm: str, seed: int, options: Any, folder: Path) -> tl.Learner:
    """Return the learner of an arm: a method of adapting, or translating."""
    shared = {"seed": seed, "quiet": True, "run": folder / f"{arm}-{seed}", "patience": 0}
    if options.minutes:
        shared["minutes"] = options.minutes
    if arm == "translate":
        return tl.Learner(data, task="translate", epochs=options.epochs, **shared)
    arguments = {"method": arm, **({"peak": options.peak} if options.peak else {})}
    return tl.Learner(
        data,
        task="adapt",
        task_arguments=arguments,
        model_arguments={"width": options.width},
        epochs=options.epochs,
        augment=None if options.augment else False,
        dtype="bfloat16",
        channels_last=True,
        **shared,
    )


def told(audit: dict[str, Any]) -> dict[str, float]:
    """Return what a line of the bench says of a run."""
    found = {name: one["value"] for name, one in audit["test"].items()}
    for name, one in audit.get("bounds", {}).items():
        found[f"{name} alone"] = one["value"]
    for one in audit["baselines"]:
        if one["name"] == "unchanged":
            found["kid unchanged"] = one["metrics"]["kid"]["value"]
    return found


def main() -> None:
    """Run the arms asked for; print a line per run, then mean and spread per arm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pair", choices=["usps", "colour"])
    parser.add_argument("arms", nargs="*", default=["dann", "cdan"], help="dann, cdan, translate")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=2, help="of the larger set")
    parser.add_argument("--minutes", type=float, help="of training at the most")
    parser.add_argument("--peak", type=float, help="last lambda; the task's default otherwise")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--augment", action="store_true")
    parser.add_argument("--pick", action="store_true", help="judge on target train rows")
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder")
    options = parser.parse_args()
    data = data_of(Path(os.environ["TILTH_DATA"]), options.pair, pick=options.pick)
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in options.arms}
    with tempfile.TemporaryDirectory() as aside:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            for arm in options.arms:
                begun = time.process_time()
                run = learner(data, arm, seed, options, options.runs or Path(aside)).fit()
                run.report()
                line = told(run.audit())
                found[arm].append(line)
                spent = round(time.process_time() - begun)
                steps = run.folder.outcome["steps"]
                more = {"steps": steps, "cpu_seconds": spent}
                print(json.dumps({"arm": arm, "seed": seed, **line, **more}), flush=True)
    for arm, lines in found.items():
        for name in lines[0]:
            scores = [line[name] for line in lines]
            spread = np.std(scores, ddof=1) if len(scores) > 1 else float("nan")
            print(f"{arm} {name}: {np.mean(scores):.4f} +- {spread:.4f}, n={len(scores)}")


if __name__ == "__main__":
    main()
