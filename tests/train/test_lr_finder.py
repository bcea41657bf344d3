"""The readings of the range test on curves whose answer is known."""

import copy
import math

import pytest
import torch
from torch import nn

from tests.train.job import make_loop
from tilth.contracts import BaseSource, Batch, Player
from tilth.objectives.supervised import CrossEntropy, Supervised
from tilth.train.loop import Loop
from tilth.train.lr_finder import HIGHEST, LOWEST, STEPS, find_lr, read_curve, steepest, valley

RATES = [LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1)) for step in range(STEPS)]


def curve(best=1e-2, width=1.0):
    """Falls smoothly round one decade below ``best``, rises steeply after it."""
    losses = []
    for rate in RATES:
        fall = 1 / (1 + math.exp(-(math.log10(rate) - math.log10(best) + 1) * 3 / width))
        rise = max(0.0, math.log10(rate / best)) ** 2
        losses.append(2.3 - 2 * fall + 5 * rise)
    return losses


@pytest.mark.parametrize("best", [1e-3, 1e-2, 1e-1])
def test_the_suggestion_follows_the_curve(best):
    found = read_curve(RATES, curve(best), default=123.0)
    assert found.confident
    assert best / 30 < found.suggestion < best
    assert found.low <= found.suggestion <= found.high
    assert "agree" in found.reason


def test_a_flat_curve_gives_the_default_and_says_so():
    found = read_curve(RATES, [2.3] * STEPS, default=0.004)
    assert (found.suggestion, found.confident) == (0.004, False)
    assert "fell by" in found.reason


@pytest.mark.parametrize("moved", [lambda x: x - 100.0, lambda x: x - 2.4, lambda x: -1.0])
def test_losses_below_nothing_are_read_too(moved):
    """Such as a log-likelihood of densities; the share that was lost stays a share."""
    found = read_curve(RATES, [moved(loss) for loss in curve()], default=0.004)
    if "fell by" in found.reason:
        assert 0 <= float(found.reason.split("fell by ")[1].split("%")[0]) <= 100
    assert found.suggestion > 0


def test_a_curve_that_begins_at_nothing_is_read():
    assert not read_curve(RATES, [0.0] * STEPS, default=0.004).confident
    falling = [loss - curve()[0] for loss in curve()]
    assert falling[0] == 0.0
    assert read_curve(RATES, falling, default=0.004).confident


def test_a_falling_negative_loss_does_not_count_as_diverged():
    loop = make_loop(9)
    supervised = loop.objectives[0].loss
    loop.objectives[0].loss = lambda *both: supervised(*both) - 50.0
    assert len(find_lr(loop, default=0.01, steps=30).rates) == 30


def test_a_curve_that_ends_at_once_gives_the_default():
    found = read_curve(RATES[:4], [2.3, 2.2, 9.0, 99.0], default=0.004)
    assert (found.suggestion, found.confident) == (0.004, False)
    assert "4 steps" in found.reason


@pytest.mark.parametrize("middle", [1, 20, 37.4, 41.6, 48])
def test_steepest_is_the_middle_of_a_logistic_fall(middle):
    """Its slope is largest there: the derivative of 1 / (1 + exp(x)) is even and falls from 0."""
    losses = [1 / (1 + math.exp((step - middle) / 3)) for step in range(50)]
    assert steepest(losses) == round(middle)


def test_steepest_of_a_parabola_is_at_its_end():
    """Falling as -x^2 the slope -2x grows to the last place that has two neighbours."""
    assert steepest([-float(step**2) for step in range(20)]) == 18
    assert steepest([float((20 - step) ** 2) for step in range(20)]) == 1


def test_valley_by_hand():
    assert valley([5.0, 6.0, 5.0, 4.0, 3.0, 7.0, 6.5]) == 3
    assert valley([1.0, 2.0, 3.0]) == 0


def test_the_plot_names_its_axes():
    axes = read_curve(RATES, curve(), default=1.0).plot().axes[0]
    assert axes.get_xlabel() == "learning rate"
    assert axes.get_xscale() == "log"
    assert "loss" in axes.get_ylabel()


class Everything(nn.Module):
    """Has what is not in ``state_dict``: modes of its modules and a buffer that is not saved."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.3))
        self.head = nn.Linear(6, 2)
        self.register_buffer("seen", torch.zeros(1), persistent=False)
        self.register_buffer("kept", torch.zeros(6), persistent=False)

    def forward(self, inputs):
        self.seen += len(inputs)
        features = self.body(inputs)
        self.kept = features.detach().mean(0)  # a new tensor under the name of the old
        return self.head(features)


class Same(BaseSource):
    batch = Batch(torch.randn(8, 4), torch.randint(0, 2, (8,)), torch.arange(8))

    def next(self, model, context):
        return self.batch


@pytest.mark.parametrize("highest", [HIGHEST, 1e30])
def test_everything_is_put_back(highest, monkeypatch):
    """Also where the test ends in a loss that is not finite."""
    monkeypatch.setattr("tilth.train.lr_finder.HIGHEST", highest)
    model = Everything()
    trained = list(model.parameters())
    optimizer = torch.optim.SGD(trained, 0.1, momentum=0.9)
    player = Player(trained, optimizer)
    parts = [model, [Supervised(CrossEntropy())], Same(), {"model": player}]
    loop = Loop(*parts, total_steps=50)
    loop.total_steps = 5
    loop.fit()
    loop.total_steps = 50
    model.body[1].eval()
    buffers = [model.seen, model.kept]

    def everything():
        return copy.deepcopy(
            {
                "state": [repr(loop.state_dict()), model.state_dict(), optimizer.state_dict()],
                "modes": [module.training for module in model.modules()],
                "buffers": dict(model.named_buffers()),
                "gradients": [parameter.grad for parameter in model.parameters()],
                "loop": [loop.total_steps, loop.stop_reason, loop.ended, loop.step, loop.hooks],
                "stream": torch.get_rng_state(),
            }
        )

    before = everything()
    found = find_lr(loop, default=0.1, steps=30)
    assert 10 < len(found.rates) <= 30 and model.training
    after = everything()
    for name, value in before.items():
        assert same(value, after[name]), name
    assert model.seen is buffers[0] and model.kept is buffers[1]


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_a_fit_after_the_test_is_the_fit_without_it():
    searched, plain = make_loop(12), make_loop(12)
    find_lr(searched, default=0.01)
    searched.fit()
    plain.fit()
    assert same(dict(searched.model.state_dict()), dict(plain.model.state_dict()))
