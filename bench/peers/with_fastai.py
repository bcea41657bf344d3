"""fastai: a Learner over tensors in memory.

Its bar and log are off, which is faster than its defaults.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.core import Callback
from fastai.callback.schedule import ParamScheduler  # noqa: F401  (adds fit_one_cycle)
from fastai.callback.tracker import TerminateOnNaNCallback
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import OptimWrapper
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from bench.arm import Clock, Config, Result, main, wait_for_start
from bench.workload import mlp_rows, mnist, normalised, small_mlp, two_conv_net

# torch's fused kernels through fastai's wrapper: its own Adam, in Python, is far slower.
PLAIN_ADAM = partial(OptimWrapper, opt=torch.optim.Adam, fused=True)
DECAYED_ADAM = partial(OptimWrapper, opt=torch.optim.AdamW, fused=True, weight_decay=0.01)


class EpochClock(Callback):
    """Seconds of the training passes, without the validation and the log around them."""

    seconds = 0.0

    def before_train(self) -> None:
        self.clock = Clock()

    def after_train(self) -> None:
        self.seconds += self.clock.lap()


class HalfOnProcessor(Callback):
    """bf16 autocast on the processor; fastai's `to_bf16` asks for CUDA and does nothing here."""

    order = 0

    def before_batch(self) -> None:
        self.half = torch.autocast("cpu", torch.bfloat16)
        self.half.__enter__()

    def after_loss(self) -> None:
        self.half.__exit__(None, None, None)


def learner(
    net: nn.Module, data: TensorDataset, size: int, callbacks: list[Callback], optimizer: object
) -> Learner:
    # It always validates; one batch is the least it can be given.
    pair = (data, TensorDataset(*data[:size]))
    loaders = DataLoaders.from_dsets(*pair, bs=size, device=torch.device("cpu"), num_workers=0)
    return Learner(loaders, net, CrossEntropyLossFlat(), optimizer, cbs=callbacks, path=Path.cwd())


@torch.inference_mode()
def accuracy(net: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    guess = torch.cat([net(part).argmax(1) for part in inputs.split(500)])
    return float((guess == labels).float().mean())


def mnist_epoch(variant: str, config: Config, seed: int) -> Result:
    digits = mnist(int(config["train_rows"]), int(config["test_rows"]))
    inputs = torch.from_numpy(normalised(digits.train_images))
    labels = torch.from_numpy(digits.train_labels)
    half, size, epochs = variant == "bf16", int(config["batch"]), int(config["epochs"])

    def fit(rows: int, times: int) -> tuple[nn.Module, float]:
        net, watch = two_conv_net(), EpochClock()
        extra: list[Callback] = [HalfOnProcessor(), ChannelsLast()] if half else []
        data = TensorDataset(inputs[:rows], labels[:rows])
        learn = learner(net, data, size, [watch, *extra], PLAIN_ADAM)
        with learn.no_bar(), learn.no_logging():
            learn.fit(times, lr=float(config["rate"]), wd=0.0)
        return net, watch.seconds

    torch.manual_seed(seed)
    fit(int(config["warm_batches"]) * size, 1)
    wait_for_start()
    clock = Clock()
    net, seconds = fit(len(labels), epochs)
    fit_seconds = clock.lap()
    seen = len(labels) // size * size  # its training loader drops the last, smaller batch
    test = torch.from_numpy(normalised(digits.test_images))
    return {
        "samples_per_second": seen * epochs / seconds,
        "fit_seconds": fit_seconds,
        "accuracy": accuracy(net, test, torch.from_numpy(digits.test_labels)),
        "numerics": "bf16 autocast, channels_last" if half else "fp32",
    }


def overhead(variant: str, config: Config, seed: int) -> Result:
    size, steps = int(config["batch"]), int(config["steps"])
    inputs, labels = map(torch.from_numpy, mlp_rows(size * steps))

    def fit(count: int) -> tuple[nn.Module, float, float]:
        net, watch = small_mlp(), EpochClock()
        callbacks = [watch, GradientClip(1.0), TerminateOnNaNCallback()]
        data = TensorDataset(inputs[: count * size], labels[: count * size])
        learn = learner(net, data, size, callbacks, DECAYED_ADAM)
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(1, float(config["rate"]))
        return net, watch.seconds, watch.clock.processor

    torch.manual_seed(seed)
    fit(int(config["warm_steps"]))
    wait_for_start()
    net, seconds, processor = fit(steps)
    return {
        "microseconds_per_step": 1e6 * seconds / steps,
        "processor_microseconds": 1e6 * processor / steps,
        "accuracy": accuracy(net, inputs, labels),
    }


if __name__ == "__main__":
    main({"mnist": mnist_epoch, "overhead": overhead})
