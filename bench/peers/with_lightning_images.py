"""Lightning on a folder of small photographs: torchvision's ImageFolder and v2 transforms."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from bench.arm import Config, Result, main
from bench.peers.with_lightning import Classifier, trainer
from bench.photographs import DEVIATION, MEAN, Trained, fill, photographs
from bench.workload import small_picture_net


def images(variant: str, config: Config, seed: int) -> Result:
    """`variant` is default (fp32) or bf16."""
    size, half = int(config["batch"]), variant == "bf16"
    workers = {"num_workers": int(config["workers"]), "persistent_workers": True}
    torch.manual_seed(seed)
    ready = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, DEVIATION)]
    moved = [
        v2.RandomCrop(
            int(config["size_px"]), padding=int(config["shift_px"]), padding_mode="reflect"
        ),
        v2.RandomHorizontalFlip(),
    ]

    def train(epochs: int) -> Trained:
        learned = ImageFolder(photographs() / "train", v2.Compose([*moved, *ready]))
        loader = DataLoader(learned, size, shuffle=True, **workers)
        net = small_picture_net()
        net = net.to(memory_format=torch.channels_last) if half else net
        module = Classifier(
            net,
            float(config["rate"]),
            cycle_steps=epochs * len(loader),
            smoothing=float(config["smoothing"]),
        )
        trainer(epochs, precision="bf16-mixed" if half else "32-true").fit(module, loader)
        return module.passes, lambda: judged(net, v2.Compose(ready))

    return fill(train, config, per_epoch=10_000)


@torch.inference_mode()
def judged(net: nn.Module, ready: v2.Compose) -> float:
    """Accuracy on the test pictures."""
    net.eval()
    loader = DataLoader(ImageFolder(photographs() / "test", ready), 500)
    right = [net(pictures).argmax(1) == answers for pictures, answers in loader]
    return float(torch.cat(right).float().mean())


if __name__ == "__main__":
    main({"images": images})
