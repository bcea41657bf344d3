"""torchvision's ImageFolder behind a DataLoader with worker processes, as its tutorials have it."""

from __future__ import annotations

from statistics import median

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from bench.arm import Clock, Config, Result, main
from bench.made_data import folder
from bench.workload import strided_net


def folder_epochs(variant: str, config: Config, seed: int) -> Result:
    """`variant` is path (batches are dropped) or train (a small step on each)."""
    place, side = folder(int(config["images"])), int(config["size_px"])
    torch.manual_seed(seed)
    change = transforms.Compose(
        [
            transforms.Resize((side, side)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    net, measure = strided_net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), float(config["rate"]), fused=True)
    clock, opening, seconds = Clock(), Clock(), []
    loader = DataLoader(
        ImageFolder(place, change),
        int(config["batch"]),
        shuffle=True,
        num_workers=int(config["workers"]),
        persistent_workers=True,
    )
    open_seconds = 0.0
    for _ in range(int(config["epochs"])):
        for images, labels in loader:
            open_seconds = open_seconds or opening.lap()
            if variant == "train":
                loss = measure(net(images), labels)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
        seconds.append(clock.lap())
    count = int(config["images"])
    return {
        "first_images_per_second": count / seconds[0],
        "later_images_per_second": count / median(seconds[1:]),
        "open_seconds": open_seconds,
    }


if __name__ == "__main__":
    main({"folder": folder_epochs})
