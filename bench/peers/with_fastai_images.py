"""fastai on a folder of small photographs: its loaders and one cycle."""

from __future__ import annotations

from pathlib import Path

import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.core import Callback
from fastai.callback.schedule import ParamScheduler  # noqa: F401  (adds fit_one_cycle)
from fastai.data.transforms import Normalize
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.augment import CropPad, Flip, PadMode, RandomCrop
from fastai.vision.data import ImageDataLoaders
from torch import nn

from bench.arm import Config, Result, main
from bench.peers.with_fastai import DECAYED_ADAM, HalfOnProcessor
from bench.peers.with_fastai_data import EpochClock
from bench.photographs import DEVIATION, MEAN, Trained, fill, photographs
from bench.workload import small_picture_net


def images(variant: str, config: Config, seed: int) -> Result:
    """`variant` is default (fp32) or bf16."""
    size, side = int(config["batch"]), int(config["size_px"])
    torch.manual_seed(seed)

    def train(epochs: int) -> Trained:
        loaders = ImageDataLoaders.from_folder(
            photographs(),
            train="train",
            valid="test",
            item_tfms=[
                CropPad(side + 2 * int(config["shift_px"]), pad_mode=PadMode.Reflection),
                RandomCrop(side),
            ],
            batch_tfms=[Flip(), Normalize.from_stats(MEAN, DEVIATION)],
            bs=size,
            num_workers=int(config["workers"]),
            device=torch.device("cpu"),
        )
        watch, net = EpochClock(), small_picture_net()
        half: list[Callback] = [HalfOnProcessor(), ChannelsLast()] if variant == "bf16" else []
        learn = Learner(
            loaders,
            net,
            CrossEntropyLossFlat(label_smoothing=float(config["smoothing"])),
            DECAYED_ADAM,
            cbs=[watch, *half],
            path=Path.cwd(),
        )
        learn._do_epoch_validate = lambda *_: None  # the test pictures are asked once, at the end
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(epochs, float(config["rate"]), wd=0.01)
        return watch.seconds, lambda: judged(net, loaders)

    return fill(train, config, per_epoch=10_000 // size * size)  # it drops the last batch


@torch.inference_mode()
def judged(net: nn.Module, loaders: ImageDataLoaders) -> float:
    """Accuracy on the test pictures."""
    net.eval()
    right = [net(pictures).argmax(1) == answers for pictures, answers in loaders.valid]
    return float(torch.cat(right).float().mean())


if __name__ == "__main__":
    main({"images": images})
