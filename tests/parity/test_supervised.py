"""The loop against loops written by hand: supervised learning."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth.contracts import BaseSource, Batch, Player
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.objectives.supervised import CrossEntropy, Supervised
from tilth.randomness import permutation
from tilth.train.loop import Loop
from tilth.train.numerics import Numerics
from tilth.train.schedules import one_cycle

ROWS, SIZE, STEPS = 500, 64, 40


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(ROWS, 10, generator=generator, dtype=torch.float64)
    return inputs, (inputs[:, :3].sum(1) > 0).long()


def net(dtype=torch.float64):
    torch.manual_seed(2)
    layers = [nn.Linear(10, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 2)]
    return nn.Sequential(*layers).to(dtype)


def make_loop(model, rows, *, optimizer=None, schedule=None, clip=None, **more):
    inputs, targets = rows
    source = DatasetSource(
        ResidentStore(inputs), targets, np.arange(len(inputs)), SIZE, prepare=as_they_are, seed=3
    )
    trained = list(model.parameters())
    optimizer = optimizer or torch.optim.Adam(trained, 1e-2)
    player = Player(trained, optimizer, schedule, clip)
    objective = Supervised(CrossEntropy())
    return Loop(model, [objective], source, {"model": player}, total_steps=STEPS, **more)


def as_they_are(raw, rows, epoch):
    return raw


def batches_by_hand():
    """Even slices of the epoch's permutation, written again from their definition."""
    steps = -(-ROWS // SIZE)
    for step in range(STEPS):
        order = permutation(ROWS, seed=3, epoch=step // steps)
        place = step % steps
        yield order[place * ROWS // steps : (place + 1) * ROWS // steps]


def train_by_hand(model, rows, stream, *, clip=None, schedule=None, autocast=None):
    """Plain PyTorch; ``stream`` is the state of torch's global generator to begin with."""
    inputs, targets = rows
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    outside = torch.get_rng_state()
    torch.set_rng_state(stream)
    for step, chosen in enumerate(batches_by_hand()):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast is not None):
            logits = model(inputs[chosen])
            total = F.cross_entropy(logits.float(), targets[chosen], reduction="sum")
        (total / len(chosen)).backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        if schedule:
            factor, momentum = schedule(step / STEPS)
            optimizer.param_groups[0]["lr"] = 1e-2 * factor
            optimizer.param_groups[0]["betas"] = (momentum, 0.999)
        optimizer.step()
        optimizer.zero_grad()
    torch.set_rng_state(outside)
    return model


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("scheduled", [False, True])
def test_equal_to_the_bit_with_dropout_clip_and_one_cycle(rows, clip, scheduled):
    rows = rows[0].float(), rows[1]
    schedule = one_cycle() if scheduled else None
    model = net(torch.float32)
    by_hand = copy.deepcopy(model)
    loop = make_loop(model, rows, clip=clip, schedule=schedule)
    stream = loop.state_dict()["ranks"][0]["stream"]["cpu"]
    loop.fit()
    train_by_hand(by_hand, rows, stream, clip=clip, schedule=schedule)
    assert same(model, by_hand)


def test_equal_to_the_bit_in_bfloat16_autocast(rows):
    rows = rows[0].float(), rows[1]
    model = net(torch.float32)
    by_hand, in_float32 = copy.deepcopy(model), copy.deepcopy(model)
    loop = make_loop(model, rows, numerics=Numerics("bfloat16"))
    stream = loop.state_dict()["ranks"][0]["stream"]["cpu"]
    loop.fit()
    train_by_hand(by_hand, rows, stream, autocast=True)
    train_by_hand(in_float32, rows, stream)
    assert same(model, by_hand)
    assert not same(model, in_float32)


class OneBatch(BaseSource):
    def __init__(self, rows):
        inputs, targets = rows
        self.batch = Batch(inputs, targets, torch.arange(len(inputs)))

    def next(self, model, context):
        return self.batch


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_accumulated_gradient_of_one_step_in_float64(rows, parts):
    model = net().eval()  # no dropout: its draws would differ between cuts
    before = [p.detach().clone() for p in model.parameters()]
    expected = gradient(model, rows)
    trained = list(model.parameters())
    player = Player(trained, torch.optim.SGD(trained, 1.0))
    loop = Loop(
        NoDropout(model),
        [Supervised(sum_in_double)],
        OneBatch(rows),
        {"model": player},
        total_steps=1,
        micro_batches=parts,
    )
    loop.fit()
    for start, parameter, wanted in zip(before, trained, expected, strict=True):
        assert torch.allclose(start - parameter, wanted, rtol=0, atol=1e-12)


class NoDropout(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.inner = model

    def forward(self, inputs):
        return self.inner[3](self.inner[1](self.inner[0](inputs)))


def sum_in_double(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="sum")


def gradient(model, rows):
    inputs, targets = rows
    outputs = NoDropout(model)(inputs)
    return torch.autograd.grad(F.cross_entropy(outputs, targets), list(model.parameters()))
