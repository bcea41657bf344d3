"""Lightning: a LightningModule and a Trainer over a TensorDataset.

Its bars, logger, checkpoints and summary are off, which is faster than its defaults.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bench.arm import Clock, Config, Result, main, wait_for_start
from bench.workload import mlp_rows, mnist, normalised, small_mlp, two_conv_net

# Its advice on worker counts does not hold for tensors that are in memory already.
warnings.filterwarnings("ignore", module="lightning")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Classifier(lightning.LightningModule):
    """Cross entropy with Adam, or with AdamW and one cycle when `cycle_steps` is given."""

    def __init__(
        self, net: nn.Module, rate: float, cycle_steps: int = 0, smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.net, self.rate, self.cycle_steps = net, rate, cycle_steps
        self.loss = nn.CrossEntropyLoss(label_smoothing=smoothing)
        self.passes: list[float] = []

    @property
    def seconds(self) -> float:
        """Of all training passes."""
        return sum(self.passes)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        return self.loss(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> Any:
        if not self.cycle_steps:
            return torch.optim.Adam(self.net.parameters(), self.rate, fused=True)
        optimizer = torch.optim.AdamW(self.net.parameters(), self.rate, (0.95, 0.99), fused=True)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.rate, self.cycle_steps + 1)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": cycle, "interval": "step"},
        }

    def on_train_epoch_start(self) -> None:
        self.clock = Clock()

    def on_train_epoch_end(self) -> None:
        self.passes.append(self.clock.lap())


def trainer(epochs: int, *, precision: str = "32-true", clip: float | None = None) -> Any:
    return lightning.Trainer(
        max_epochs=epochs,
        precision=precision,
        gradient_clip_val=clip,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


@torch.inference_mode()
def accuracy(net: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    guess = torch.cat([net(part).argmax(1) for part in inputs.split(500)])
    return float((guess == labels).float().mean())


def mnist_epoch(variant: str, config: Config, seed: int) -> Result:
    digits = mnist(int(config["train_rows"]), int(config["test_rows"]))
    data = TensorDataset(
        torch.from_numpy(normalised(digits.train_images)), torch.from_numpy(digits.train_labels)
    )
    half, size, epochs = variant == "bf16", int(config["batch"]), int(config["epochs"])
    precision = "bf16-mixed" if half else "32-true"

    def module() -> Classifier:
        net = two_conv_net()
        net = net.to(memory_format=torch.channels_last) if half else net
        return Classifier(net, float(config["rate"]))

    torch.manual_seed(seed)
    warm = torch.utils.data.Subset(data, range(int(config["warm_batches"]) * size))
    trainer(1, precision=precision).fit(module(), DataLoader(warm, size, shuffle=True))
    wait_for_start()
    one, clock = module(), Clock()
    trainer(epochs, precision=precision).fit(one, DataLoader(data, size, shuffle=True))
    fit_seconds = clock.lap()
    test = torch.from_numpy(normalised(digits.test_images))
    return {
        "samples_per_second": len(data) * epochs / one.seconds,
        "fit_seconds": fit_seconds,
        "accuracy": accuracy(one.net, test, torch.from_numpy(digits.test_labels)),
        "numerics": "bf16-mixed, channels_last" if half else "fp32",
    }


def overhead(variant: str, config: Config, seed: int) -> Result:
    size, steps, warm = int(config["batch"]), int(config["steps"]), int(config["warm_steps"])
    inputs, labels = map(torch.from_numpy, mlp_rows(size * steps))
    torch.manual_seed(seed)

    def fit(count: int) -> Classifier:
        data = TensorDataset(inputs[: count * size], labels[: count * size])
        module = Classifier(small_mlp(), float(config["rate"]), cycle_steps=count)
        trainer(1, clip=1.0).fit(module, DataLoader(data, size, shuffle=True))
        return module

    fit(warm)
    wait_for_start()
    module = fit(steps)
    return {
        "microseconds_per_step": 1e6 * module.seconds / steps,
        "processor_microseconds": 1e6 * module.clock.processor / steps,
        "accuracy": accuracy(module.net, inputs, labels),
    }


if __name__ == "__main__":
    main({"mnist": mnist_epoch, "overhead": overhead})
