"""What looking inside and attacking find on digits, by seed.

    TILTH_DATA=... python -m bench.inside pointing 0 1 2
    python -m bench.inside attacks 0 1 2
    python -m bench.inside labels 0 1 2
    python -m bench.inside landscape 0 1 2

pointing: three MNIST digits, each of another class, at random places of 84 x 84 px; a net learns
from 6,000 such which digits are there, and the brightest place of Grad-CAM for a digit of 300 test
canvases either lies in that digit's 28 x 28 px or not (Zhang et al. 2018). attacks: PGD on nets
that learned scikit-learn's digits with and without them, and what carries over between nets
(Papernot et al. 2016). labels: the same net after noise in its training labels (Zhang et al. 2017;
Rolnick et al. 2017). landscape: twenty layers with and without ways past them (Li et al. 2018),
200 steps on digits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from torch import Tensor, nn

from tilth.audit.heat_map import grad_cam, onto, spatial_layer
from tilth.audit.landscape import filter_direction, landscape
from tilth.contracts import Objective, Player
from tilth.data.dataset import as_they_are
from tilth.data.idx import read_idx
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.models.mlp import mlp
from tilth.models.two_conv import two_conv
from tilth.nn.attack import Ball, fgsm, pgd
from tilth.nn.square_attack import Counted, square_attack
from tilth.objectives.adversarial_training import AdversarialTraining
from tilth.objectives.supervised import CrossEntropy, Supervised
from tilth.train.loop import Loop
from tilth.train.optimizers import adamw
from tilth.train.schedules import one_cycle

Found = dict[str, float]
Parts = tuple[Tensor, Tensor, Tensor]


def fit(
    model: nn.Module,
    objective: Objective,
    inputs: Tensor,
    targets: Tensor,
    *,
    steps: int,
    rate: float,
    seed: int,
) -> None:
    """Train by AdamW with a one-cycle, in batches of 64."""
    source = DatasetSource(
        ResidentStore(inputs),
        targets,
        np.arange(len(inputs)),
        64,
        prepare=as_they_are,
        seed=seed,
    )
    player = Player(list(model.parameters()), adamw(model, rate), one_cycle())
    Loop(model, [objective], source, {"model": player}, total_steps=steps, seed=seed).fit()
    model.eval()


# which digits are there, and where


def canvases(pictures: Tensor, labels: Tensor, count: int, side: int, seed: int) -> Parts:
    """Return canvases [N, 1, side, side], which classes are there [N, 10], and boxes [N, 10, 4].

    pictures: [M, h, w] in [0, 1]; three of other classes lie on each, none over another
    boxes: top, left, bottom, right of each class, -1 where it is not there
    """
    generator = np.random.default_rng(seed)
    high, wide = pictures.shape[1:]
    of_class = [np.flatnonzero(labels.numpy() == k) for k in range(10)]
    found = torch.zeros(count, 1, side, side)
    there, boxes = torch.zeros(count, 10), torch.full((count, 10, 4), -1)
    for row in range(count):
        corners: list[tuple[int, int]] = []
        while len(corners) < 3:
            top, left = generator.integers(side - high + 1), generator.integers(side - wide + 1)
            if all(abs(top - t) >= high or abs(left - l_) >= wide for t, l_ in corners):
                corners.append((int(top), int(left)))
            elif generator.random() < 0.05:  # two digits may leave no room for the third
                corners = []
        for one, (top, left) in zip(generator.permutation(10)[:3], corners, strict=True):
            picture = pictures[generator.choice(of_class[one])]
            found[row, 0, top : top + high, left : left + wide] = picture
            there[row, one] = 1
            boxes[row, one] = torch.tensor([top, left, top + high, left + wide])
    return found, there, boxes


def presence_net(stride: int, widths: Sequence[int], pool: int) -> nn.Module:
    """Return a net whose outputs are the highest of a map for each class."""
    layers: list[nn.Module] = [nn.Conv2d(1, widths[0], 5, stride=stride, padding=2), nn.ReLU()]
    layers += [nn.MaxPool2d(pool)]
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(fan_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))


def all_labels(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the binary cross entropy of several labels, summed over the rows and labels."""
    return F.binary_cross_entropy_with_logits(outputs, targets, reduction="sum")


def pointed(model: nn.Module, inputs: Tensor, there: Tensor, boxes: Tensor) -> Found:
    """Return how often the brightest place lies in the digit, of the net and of random places.

    Also the rank correlation with the maps of the same net with all its weights drawn anew
    (Adebayo et al. 2018), absolute, and the share of labels that are answered rightly.
    """
    layer = spatial_layer(model, inputs[:1])
    assert layer is not None
    size, generator = inputs.shape[2:], torch.Generator().manual_seed(0)
    fresh = randomised(model)
    hits, chance, ranks = [], [], []
    for rows in torch.arange(len(inputs)).split(50):
        for one in range(10):
            asked = rows[there[rows, one] > 0]
            if not len(asked):
                continue
            classes = torch.full((len(asked),), one)
            heat = grad_cam(model, inputs[asked], classes, layer)
            laid = onto(heat, (size[0], size[1])).flatten(1)
            hits += inside(laid.argmax(1), boxes[asked, one], size[1])
            drawn = torch.randint(laid.shape[1], (len(asked),), generator=generator)
            chance += inside(drawn, boxes[asked, one], size[1])
            other = grad_cam(fresh, inputs[asked], classes, layer)
            for a, b in zip(heat.flatten(1), other.flatten(1), strict=True):
                if a.std() > 0 and b.std() > 0:
                    ranks.append(abs(float(spearmanr(a.numpy(), b.numpy()).statistic)))
    with torch.no_grad():
        right = float(((model(inputs) > 0) == (there > 0)).float().mean())
    return {
        "in the digit": float(np.mean(hits)),
        "random places": float(np.mean(chance)),
        "rank correlation, weights drawn anew": float(np.mean(ranks)),
        "labels right": right,
    }


def inside(places: Tensor, boxes: Tensor, width: int) -> list[bool]:
    """Return whether flat places [N] lie in boxes [N, 4]."""
    down, across = places // width, places % width
    top, left, bottom, right = boxes.unbind(1)
    found = (down >= top) & (down < bottom) & (across >= left) & (across < right)
    return [bool(one) for one in found]


def randomised(model: nn.Module) -> nn.Module:
    """Return a net of the same layers with weights drawn anew."""
    import copy

    found = copy.deepcopy(model)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for module in found.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    return found.eval()


def pointing(seed: int) -> Found:
    """Return what ``pointed`` finds on canvases of MNIST digits."""
    folder = Path(os.environ["TILTH_DATA"]) / "mnist"
    sets = []
    for name, count, start in (("train", 6000, 0), ("t10k", 300, 1)):
        (images,) = folder.glob(f"{name}-images*")
        (labels,) = folder.glob(f"{name}-labels*")
        pixels = torch.from_numpy(read_idx(images).astype(np.float32) / 255)
        classes = torch.from_numpy(read_idx(labels).astype(np.int64))
        sets.append(canvases(pixels, classes, count, 84, 2 * seed + start))
    torch.manual_seed(seed)
    model = presence_net(2, (16, 32, 48, 48), 2)
    train, test = sets
    fit(model, Supervised(all_labels), *train[:2], steps=470, rate=0.005, seed=seed)
    return pointed(model, *test)


def small_pointing(seed: int) -> Found:
    """Return what ``pointed`` finds on canvases of 24 px with scikit-learn's digits of 8 px."""
    found = load_digits()
    pixels = torch.from_numpy((found.images / 16).astype(np.float32))
    labels = torch.from_numpy(found.target)
    train = canvases(pixels[:1400], labels[:1400], 3000, 24, 2 * seed)
    test = canvases(pixels[1400:], labels[1400:], 150, 24, 2 * seed + 1)
    torch.manual_seed(seed)
    model = presence_net(1, (16, 32, 48), 2)
    fit(model, Supervised(all_labels), *train[:2], steps=300, rate=0.01, seed=seed)
    return pointed(model, *test)


# attacks


def split_digits(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return 1,437 digits to learn from and 360 to judge by, in [0, 1], with their classes."""
    found = load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))
    pixels = torch.from_numpy((found.images[order] / 16).astype(np.float32))[:, None]
    classes = torch.from_numpy(found.target[order])
    return pixels[360:], classes[360:], pixels[:360], classes[:360]


def accuracy(model: nn.Module, inputs: Tensor, classes: Tensor) -> float:
    with torch.no_grad():
        return float((model(inputs).argmax(1) == classes).float().mean())


def losses(model: nn.Module, classes: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda inputs: F.cross_entropy(model(inputs), classes, reduction="none")


def margins(model: nn.Module, classes: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    def of(inputs: Tensor, rows: Tensor) -> Tensor:
        outputs, asked = model(inputs), classes[rows, None]
        return outputs.gather(1, asked)[:, 0] - outputs.scatter(1, asked, -torch.inf).amax(1)

    return of


def attacks(seed: int) -> Found:
    """Return accuracies under attacks of a dense net, of one trained against them, and transfer."""
    train, labels, test, classes = split_digits(seed)
    nets: dict[str, nn.Module] = {}
    for name, make in (("plain", mlp), ("defended", mlp), ("convolutions", two_conv)):
        torch.manual_seed(seed)
        nets[name] = make(channels=1, size=8, outputs=10)
        plain: Objective = Supervised(CrossEntropy())
        hardened = AdversarialTraining(plain, Ball(0.1), seed=seed)
        objective = hardened if name == "defended" else plain
        fit(nets[name], objective, train, labels, steps=690, rate=0.003, seed=seed)
    found = {f"{name}, clean": accuracy(net, test, classes) for name, net in nets.items()}
    for name in ("plain", "defended"):
        changed = pgd(losses(nets[name], classes), test, Ball(0.1), steps=40)
        found[f"{name}, PGD 0.1"] = accuracy(nets[name], changed, classes)
    net, ball = nets["plain"], Ball(0.2)
    generator = torch.Generator().manual_seed(seed)
    signs = ball.sampled(test, torch.randint(2, test.shape, generator=generator).float())
    found["plain, random signs 0.2"] = accuracy(net, signs, classes)
    found["plain, FGSM 0.2"] = accuracy(net, fgsm(losses(net, classes), test, ball), classes)
    changed = pgd(losses(net, classes), test, ball, steps=40)
    found["plain, PGD 0.2"] = accuracy(net, changed, classes)
    found["convolutions, PGD 0.2 made for plain"] = accuracy(nets["convolutions"], changed, classes)
    ask = Counted(margins(net, classes))
    squares = square_attack(ask, test, ball, queries=500, generator=generator)
    found["plain, Square 0.2, 500 queries"] = accuracy(net, squares, classes)
    found["queries a picture"] = ask.queries / len(test)
    return found


# labels


def noisy(labels: Tensor, share: float, kind: str, seed: int) -> Tensor:
    """Return labels of which a share was changed.

    kind: "uniform" draws any class, "flip" takes the next one

    >>> noisy(torch.tensor([0, 9]), 1.0, "flip", 0).tolist()
    [1, 0]
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(len(labels), generator=generator) < share
    drawn = torch.randint(10, (len(labels),), generator=generator)
    other = drawn if kind == "uniform" else (labels + 1) % 10
    return torch.where(chosen, other, labels)


def labels(seed: int) -> Found:
    """Return accuracies after training on labels with noise, and on labels that say nothing."""
    train, true, test, classes = split_digits(seed)
    found: Found = {}
    for kind in ("uniform", "flip"):
        torch.manual_seed(seed)
        net = mlp(channels=1, size=8, outputs=10)
        wrong = noisy(true, 0.5, kind, seed)
        fit(net, Supervised(CrossEntropy()), train, wrong, steps=230, rate=0.003, seed=seed)
        found[f"half of the labels noise ({kind}), test"] = accuracy(net, test, classes)
    for name, decay in (("as they come", 0.0), ("with weight decay 0.01", 0.01)):
        torch.manual_seed(seed)
        net = mlp(channels=1, size=8, outputs=10, layers=(512, 512))
        drawn = noisy(true, 1.0, "uniform", seed)
        memorise(net, train, drawn, decay=decay, seed=seed)
        found[f"random labels, {name}, train"] = accuracy(net, train, drawn)
        found[f"random labels, {name}, test"] = accuracy(net, test, classes)
    return found


def memorise(net: nn.Module, inputs: Tensor, targets: Tensor, *, decay: float, seed: int) -> None:
    """Train for 150 epochs."""
    rows = np.arange(len(inputs))
    store = ResidentStore(inputs)
    source = DatasetSource(store, targets, rows, 64, prepare=as_they_are, seed=seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=decay, fused=True)
    player = Player(list(net.parameters()), optimizer, one_cycle())
    steps = 150 * source.steps_per_epoch
    objective = Supervised(CrossEntropy())
    Loop(net, [objective], source, {"model": player}, total_steps=steps, seed=seed).fit()
    net.eval()


# the loss around the weights


class Past(nn.Module):
    """Two convolutions, with a way past them or without."""

    def __init__(self, width: int, *, past: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.past = past

    def forward(self, x: Tensor) -> Tensor:
        found = self.norms[1](self.second(F.relu(self.norms[0](self.first(x)))))
        return F.relu(found + x if self.past else found)


def twenty(*, past: bool, width: int = 16) -> nn.Module:
    """Return a net of twenty layers: a convolution, nine pairs of them, a dense one."""
    stem = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    pairs = [Past(width, past=past) for _ in range(9)]
    return nn.Sequential(*stem, *pairs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


def around(seed: int) -> Found:
    """Return the mean loss at a radius of 0.5 around the weights, with and without ways past."""
    train, labels_, _, _ = split_digits(seed)
    found: Found = {}
    for name, past in (("plain", False), ("residual", True)):
        torch.manual_seed(seed)
        net = twenty(past=past)
        fit(net, Supervised(CrossEntropy()), train, labels_, steps=200, rate=0.005, seed=seed)
        stream = torch.Generator().manual_seed(seed)
        across, down = (filter_direction(net, stream) for _ in range(2))

        def loss(net: nn.Module = net) -> float:
            with torch.no_grad():
                return float(F.cross_entropy(net(train[:300]), labels_[:300]))

        grid = landscape(net, loss, across, down, radius=0.5, points=7)
        found[f"{name}, in the middle"] = float(grid[3, 3])
        found[f"{name}, at the edge"] = float(edge(grid).mean())
    return found


def edge(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values of a grid's outermost rows and columns."""
    return np.concatenate([grid[0], grid[-1], grid[1:-1, 0], grid[1:-1, -1]])


PARTS = {
    "pointing": pointing,
    "small_pointing": small_pointing,
    "attacks": attacks,
    "labels": labels,
    "landscape": around,
}


def main() -> None:
    name, *seeds = sys.argv[1:]
    for seed in seeds:
        found = PARTS[name](int(seed))
        said = ", ".join(f"{key} {value:.4g}" for key, value in found.items())
        print(f"{name}, seed {seed}: {said}", flush=True)


if __name__ == "__main__":
    main()
