"""fastai's data paths: a table of a million rows and a folder of JPEGs."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pandas as pd
import torch
from fastai.callback.core import Callback
from fastai.callback.schedule import ParamScheduler  # noqa: F401  (adds fit_one_cycle)
from fastai.data.block import CategoryBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import Normalize as NormaliseImages
from fastai.data.transforms import RandomSplitter, range_of
from fastai.learner import Learner
from fastai.tabular.core import Categorify, FillMissing, Normalize, TabularPandas
from fastai.tabular.learner import tabular_learner
from fastai.vision.augment import Flip, Resize, ResizeMethod
from fastai.vision.data import ImageDataLoaders, imagenet_stats

from bench.arm import Clock, Config, Result, main
from bench.made_data import CATEGORIES, NUMBERS, TARGET, WARM_ROWS, folder, table
from bench.peers.with_fastai import DECAYED_ADAM, PLAIN_ADAM
from bench.workload import area_under_curve, strided_net


class EpochClock(Callback):
    """Seconds of each training pass, without the validation and the log around it."""

    def before_fit(self) -> None:
        self.seconds: list[float] = []

    def before_train(self) -> None:
        self.clock = Clock()

    def after_train(self) -> None:
        self.seconds.append(self.clock.lap())


def table_loaders(frame: pd.DataFrame, size: int) -> DataLoaders:
    splits = RandomSplitter(valid_pct=0.3, seed=0)(range_of(frame))
    tabular = TabularPandas(
        frame,
        procs=[Categorify, FillMissing, Normalize],
        cat_names=list(CATEGORIES),
        cont_names=list(NUMBERS),
        y_names=TARGET,
        y_block=CategoryBlock(),
        splits=splits,
    )
    return tabular.dataloaders(bs=size, device=torch.device("cpu"))


def table_epoch(variant: str, config: Config, seed: int) -> Result:
    """`variant` is csv (reading counts) or frame (pandas has read it already)."""
    path, size = table(int(config["rows"])), int(config["batch"])
    torch.manual_seed(seed)
    table_loaders(pd.read_csv(table(WARM_ROWS)), 64).train.one_batch()
    frame = pd.read_csv(path) if variant == "frame" else None
    clock = Clock()
    loaders = table_loaders(pd.read_csv(path) if frame is None else frame, size)
    loaders.train.one_batch()
    first_batch, processor = clock.lap(), clock.processor
    watch = EpochClock()
    learn = tabular_learner(
        loaders, layers=[200, 100], cbs=[watch], path=Path.cwd(), opt_func=DECAYED_ADAM
    )
    clock.lap()
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(int(config["epochs"]), float(config["rate"]))
        fit_seconds = clock.lap()
        seconds = median(watch.seconds)  # get_preds starts the clock again
        scores, answers = learn.get_preds(ds_idx=1)
    seen = len(loaders.train_ds) // size * size  # its training loader drops the last batch
    return {
        "first_batch_seconds": first_batch,
        "first_batch_processor": processor,
        "samples_per_second": seen / seconds,
        "fit_seconds": fit_seconds,
        "area": area_under_curve(scores[:, 1].numpy(), answers.flatten().numpy() == 1),
    }


def folder_epochs(variant: str, config: Config, seed: int) -> Result:
    """`variant` is path (batches are dropped) or train (a small step on each)."""
    place, count = folder(int(config["images"])), int(config["images"])
    size, seconds = int(config["batch"]), []
    torch.manual_seed(seed)
    clock, opening = Clock(), Clock()
    loaders = ImageDataLoaders.from_folder(
        place,
        valid_pct=size / count,
        item_tfms=Resize(int(config["size_px"]), ResizeMethod.Squish),
        batch_tfms=[Flip(), NormaliseImages.from_stats(*imagenet_stats)],
        bs=size,
        num_workers=int(config["workers"]),
        device=torch.device("cpu"),
    )
    net, watch = strided_net(), EpochClock()
    learn = None
    if variant == "train":
        learn = Learner(loaders, net, opt_func=PLAIN_ADAM, cbs=[watch], path=Path.cwd())
    setting_up = clock.lap()
    open_seconds = 0.0
    if learn is not None:
        with learn.no_bar(), learn.no_logging():
            learn.fit(int(config["epochs"]), float(config["rate"]))
        seconds = watch.seconds
    else:
        for _ in range(int(config["epochs"])):
            for _batch in loaders.train:
                open_seconds = open_seconds or opening.lap()
            seconds.append(clock.lap())
    seen = len(loaders.train_ds) // size * size
    return {
        "first_images_per_second": seen / (setting_up + seconds[0]),
        "later_images_per_second": seen / median(seconds[1:]),
        "open_seconds": open_seconds or None,
    }


if __name__ == "__main__":
    main({"table": table_epoch, "folder": folder_epochs})
