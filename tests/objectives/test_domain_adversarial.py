"""DANN and CDAN: two gradients at once, and without reversal the source domain alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth.contracts import BaseSource, Batch, Context, Player
from tilth.data.paired import Pair
from tilth.errors import UserError
from tilth.models.domain_net import DomainNet
from tilth.objectives.domain_adversarial import (
    DomainAdversarial,
    domain_loss,
    features_by_label,
    reversal_strength,
)
from tilth.objectives.supervised import CrossEntropy, Supervised
from tilth.train.loop import Loop

STREAM = torch.Generator().manual_seed(0)
SOURCE, TARGET = (torch.randn(6, 4, generator=STREAM) for _ in "ab")
BATCH = Batch(Pair(SOURCE, TARGET), torch.tensor([0, 1, 2, 0, 1, 2]), torch.arange(6))


def net(condition=False, middle=None):
    """Return a small net with two outputs, the same every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Linear(4, 5), middle or nn.Identity(), nn.Tanh(), nn.Linear(5, 5))
        critic = nn.Sequential(nn.Linear(15 if condition else 5, 4), nn.Tanh(), nn.Linear(4, 1))
        return DomainNet(body, nn.Linear(5, 3), critic)


CASES = {
    "DomainAdversarial": {
        "DANN": lambda: (DomainAdversarial(), net(), BATCH),
        "CDAN": lambda: (DomainAdversarial(condition=True, peak=0.3), net(True), BATCH),
    },
}
"""What tests/contracts/test_objectives.py holds these to, made anew for each test."""


def at(progress):
    return Context(0, progress, 0, torch.Generator(), torch.device("cpu"))


def test_lambda_is_that_of_the_paper():
    # 2 / (1 + exp(-10 p)) - 1 = tanh(5 p)
    for progress in (0.0, 0.03, 0.2, 0.5, 1.0):
        wanted = float(torch.tensor(5 * progress, dtype=torch.float64).tanh())
        assert reversal_strength(progress) == pytest.approx(wanted, abs=1e-12)
        assert reversal_strength(progress, peak=0.2) == pytest.approx(0.2 * wanted, abs=1e-12)
    assert reversal_strength(0.7, steepness=0) == 0


def test_domain_loss_is_the_cross_entropy_of_both():
    first, second = torch.randn(5, 1), torch.randn(5, 1)
    logits = torch.cat([first, second])[:, 0]
    domain = torch.cat([torch.zeros(5), torch.ones(5)])
    wanted = F.binary_cross_entropy_with_logits(logits, domain, reduction="sum")
    assert torch.allclose(domain_loss(first, second), wanted)


def test_features_by_label_by_hand():
    features, logits = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, torch.tensor(3.0).log()]])
    assert torch.allclose(features_by_label(features, logits), torch.tensor([[1, 2, 3, 6.0]]) / 4)
    logits.requires_grad_()
    features.requires_grad_()
    features_by_label(features, logits).sum().backward()
    assert logits.grad is None
    assert torch.allclose(features.grad, torch.ones(1, 2))  # chances sum to one


def gradients(total, module):
    found = torch.autograd.grad(total, list(module.parameters()), retain_graph=True)
    return torch.cat([one.flatten() for one in found])


def plain_losses(model, batch, condition):
    """Return the summed losses of labels and of domains, with no reversal anywhere."""
    features = [model.body(inputs) for inputs in batch.inputs]
    seen = features
    if condition:
        chances = [model.head(one).softmax(1).detach() for one in features]
        pairs = zip(chances, features, strict=True)
        seen = [torch.einsum("bk,bf->bkf", p, f).flatten(1) for p, f in pairs]
    guesses = torch.cat([model.critic(one) for one in seen])[:, 0]
    domain = F.binary_cross_entropy_with_logits(
        guesses, torch.arange(12).ge(6).to(guesses), reduction="sum"
    )
    label = F.cross_entropy(model.head(features[0]), batch.targets, reduction="sum")
    return label, domain


@pytest.mark.parametrize("condition", [False, True])
def test_the_body_climbs_what_the_critic_descends(condition):
    model = net(condition).double()
    batch = Batch(Pair(SOURCE.double(), TARGET.double()), BATCH.targets, BATCH.rows)
    found = DomainAdversarial(condition=condition, peak=0.6)(model, batch, at(0.1)).parts
    label, domain = plain_losses(model, batch, condition)
    torch.testing.assert_close(found["label"].total, label)
    torch.testing.assert_close(found["domain"].total, domain)
    total = found["label"].total + found["domain"].total
    strength = 0.6 * float(torch.tensor(0.5).double().tanh())
    wanted = gradients(label, model.body) - strength * gradients(domain, model.body)
    torch.testing.assert_close(gradients(total, model.body), wanted)
    torch.testing.assert_close(gradients(total, model.critic), gradients(domain, model.critic))
    torch.testing.assert_close(gradients(total, model.head), gradients(label, model.head))


class Drawn(BaseSource):
    """Pairs from two clouds, or the source's alone."""

    def __init__(self, alone):
        self.alone, self.stream = alone, torch.Generator().manual_seed(4)

    def next(self, model, context):
        both = torch.randn(2, 16, 4, generator=self.stream)
        targets = both[0].argmax(1) % 3
        pair = Pair(both[0], both[1] + 2)
        return Batch(pair.source if self.alone else pair, targets, torch.arange(16))


def trained(objective, model, alone=False):
    parameters = list(model.parameters())
    player = Player(parameters, torch.optim.Adam(parameters, 1e-2))
    Loop(model, [objective], Drawn(alone), {"model": player}, total_steps=30).fit()
    return model


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("condition", [False, True])
def test_lambda_zero_is_the_source_alone_to_the_bit(condition):
    """The critic learns, and nothing of it reaches body or head."""
    alone = trained(Supervised(CrossEntropy()), net(condition), alone=True)
    both = trained(DomainAdversarial(steepness=0, condition=condition), net(condition))
    assert same(alone.body, both.body) and same(alone.head, both.head)
    assert not same(alone.critic, both.critic)
    adapted = trained(DomainAdversarial(condition=condition), net(condition))
    assert not same(alone.body, adapted.body)


@pytest.mark.parametrize("middle", [nn.Dropout(0.5), nn.BatchNorm1d(5)])
def test_peak_zero_is_the_source_alone_to_the_bit_whatever_the_net(middle):
    alone = trained(Supervised(CrossEntropy()), net(middle=middle), alone=True)
    both = trained(DomainAdversarial(peak=0), net(middle=type(middle)(middle_of(middle))))
    for name, value in alone.state_dict().items():
        assert torch.equal(both.state_dict()[name], value), name


def middle_of(layer):
    return layer.p if isinstance(layer, nn.Dropout) else layer.num_features


def test_a_negative_peak_is_refused():
    with pytest.raises(UserError, match="peak=-1"):
        DomainAdversarial(peak=-1)
