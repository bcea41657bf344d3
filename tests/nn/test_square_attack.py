"""The Square attack on a net that knows the digits."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

from tilth.nn.attack import Ball
from tilth.nn.square_attack import Counted, _side, square_attack

RADIUS = 0.2


@pytest.fixture(scope="module")
def known():
    found = load_digits()
    pictures = (found.images / 16).astype(np.float32)[:, None]
    fitted = LogisticRegression(max_iter=300, C=0.1).fit(
        pictures[300:].reshape(-1, 64), found.target[300:]
    )
    weights = torch.from_numpy(fitted.coef_).float(), torch.from_numpy(fitted.intercept_).float()
    return torch.from_numpy(pictures[:60]), torch.from_numpy(found.target[:60]), weights


def margins(classes, weights):
    def of(pictures, rows):
        outputs = pictures.flatten(1) @ weights[0].T + weights[1]
        true = outputs.gather(1, classes[rows, None])[:, 0]
        others = outputs.scatter(1, classes[rows, None], -torch.inf)
        return true - others.max(1).values

    return of


def test_it_fools_most_and_stays_in_the_ball_and_counts_what_it_asks(known):
    pictures, classes, weights = known
    ask = Counted(margins(classes, weights))
    generator = torch.Generator().manual_seed(0)
    found = square_attack(ask, pictures, Ball(RADIUS), queries=300, generator=generator)
    rows = torch.arange(60)
    before, after = (margins(classes, weights)(x, rows) for x in (pictures, found))
    assert (before > 0).float().mean() > 0.85
    assert (after < 0)[before > 0].float().mean() >= 0.6
    assert (after <= before).all()
    assert float((found - pictures).abs().max()) <= RADIUS + 1e-6
    assert float(found.min()) >= 0 and float(found.max()) <= 1
    # one question for each at first; those that are fooled are asked no more
    assert 60 < ask.queries < 300 * 60
    noise = pictures + RADIUS * (2 * torch.randint(2, pictures.shape, generator=generator) - 1)
    assert (margins(classes, weights)(noise.clamp(0, 1), rows) > 0).float().mean() > 0.7


def test_it_is_as_strong_as_that_of_art(known):
    from art.attacks.evasion import SquareAttack
    from art.estimators.classification import PyTorchClassifier

    pictures, classes, weights = known
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    net[1].weight.data, net[1].bias.data = weights
    loss = nn.CrossEntropyLoss()
    seen = PyTorchClassifier(net, loss, (1, 8, 8), 10, clip_values=(0.0, 1.0), device_type="cpu")
    np.random.seed(0)  # noqa: NPY002 - the library draws from it
    theirs = SquareAttack(seen, eps=RADIUS, max_iter=100, p_init=0.3, nb_restarts=1, verbose=False)
    wanted = theirs.generate(pictures.numpy(), y=np.eye(10)[classes])
    ask = Counted(margins(classes, weights))
    found = square_attack(
        ask, pictures, Ball(RADIUS), queries=100, generator=torch.Generator().manual_seed(0)
    )
    fooled = [
        float(
            (margins(classes, weights)(torch.as_tensor(x).float(), torch.arange(60)) < 0)
            .float()
            .mean()
        )
        for x in (wanted, found)
    ]
    assert fooled[1] >= fooled[0] - 0.1, fooled


def test_squares_shrink_as_in_the_paper():
    size = torch.Size([28, 28])
    assert _side(1, 10_000, size) == round((0.3 * 784) ** 0.5)
    assert _side(11, 10_000, size) == round((0.15 * 784) ** 0.5)
    assert _side(9_000, 10_000, size) == 1
    assert _side(1, 1000, torch.Size([28, 2])) == 2  # never larger than the picture
