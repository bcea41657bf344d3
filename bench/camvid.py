"""CamVid at its full size, in pieces that can be stopped and gone on with: for a graphics card.

    TILTH_DATA=... python -m bench.camvid scratch runs/camvid
    TILTH_DATA=... python -m bench.camvid weights runs/camvid --weights resnet34.safetensors

scratch: FC-DenseNet103 from its first values at 240 x 180 px, then at 480 x 360 (Jegou et al.
2017, who crop first and then learn from whole pictures); 367 pictures teach, of the 101 of val 67
choose and 34 calibrate, 233 judge. weights: a U-Net on a ResNet-34 of yours, fine-tuned at the one
size and then at the other; of train's and test's 600 pictures 510 teach, 60 choose and 30
calibrate, and the 101 judge, as in fast.ai's lesson (there all 600 teach), whose numbers are
another protocol than the paper's. Each piece is a run: the same command goes on where it was
stopped, and takes finished pieces as they are. --reduce 5 tries the pieces on a processor.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.marked import STREETS
from tilth.flow.settings import DataSettings, ModelSettings, Settings, TrainSettings
from tilth.flow.train import Job, train

FULL = (360, 480)
SPLITS = {
    "scratch": {"train": ("train",), "val": ("val",), "test": ("test",)},
    "weights": {"train": ("train", "test"), "test": ("val",)},
}


def arranged(data: Path, folder: Path, parts: dict[str, tuple[str, ...]]) -> Path:
    """Return a folder of links to the pictures and masks, in the parts asked for."""
    for part, sources in parts.items():
        for source in sources:
            for kind in ("", "annot"):
                for file in sorted((data / f"{source}{kind}").iterdir()):
                    link = folder / f"{part}{kind}" / f"{source}-{file.name}"
                    link.parent.mkdir(parents=True, exist_ok=True)
                    if not link.is_symlink():
                        link.symlink_to(file)
    return folder


def pieces(way: str, folder: Path, runs: Path, options: Any) -> Iterator[tuple[Path, Settings]]:
    """Yield the folder and the settings of each piece, each from the bundle of the one before."""
    model = ModelSettings("tiramisu", {"net": "fc_densenet103"})
    fine: dict[str, Any] = {}
    if way == "weights":
        given = {"encoder": options.encoder, "weights": str(options.weights.resolve())}
        model, fine = ModelSettings("unet", given), {"freeze_epochs": 2}
    for name, part, batch in (("half", 2, 8), ("whole", 1, 3)):
        size = tuple(side // part // options.reduce for side in FULL)
        data = DataSettings(
            path=str(folder),
            masks="{folder}annot/{stem}.png",
            names=STREETS,
            void=("void",),
            size=(size[0], size[1]),
        )
        place = runs / f"{way}-{name}"
        plan = TrainSettings(epochs=options.epochs // part, batch_size=batch, **fine)
        yield place, Settings(data, model, plan)
        model = ModelSettings(warm_start=str(place))


def main(arguments: Sequence[str] | None = None) -> None:
    """Go through the pieces; print a JSON line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=sorted(SPLITS))
    parser.add_argument("runs", type=Path)
    parser.add_argument("--weights", type=Path, help="of the encoder, a .safetensors file")
    parser.add_argument("--encoder", default="resnet34", help="a convolutional net of timm")
    parser.add_argument("--epochs", type=int, default=200, help="at the full size; half before")
    parser.add_argument("--reduce", type=int, default=1, help="by how much all sides are divided")
    options = parser.parse_args(arguments)
    if options.way == "weights" and options.weights is None:
        parser.error("weights: name the file with --weights FILE.safetensors")
    data = Path(os.environ["TILTH_DATA"]).resolve() / "camvid"
    folder = arranged(data, options.runs.resolve() / f"{options.way}-pictures", SPLITS[options.way])
    for place, settings in pieces(options.way, folder, options.runs, options):
        _, found = train(Job(settings, run=place, resume=True))
        print(json.dumps({"piece": place.name, **found["test"]}), flush=True)


if __name__ == "__main__":
    main()
