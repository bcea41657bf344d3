"""The losses of restoring, by hand, and the loop's two players beside a hand-written loop."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.stop_at import StopAt
from tilth.contracts import BaseSource, Batch, Context, Player
from tilth.data.worse import Worsened
from tilth.errors import UserError
from tilth.models.restorer_critic import restorer_critic
from tilth.models.small_vgg import small_vgg
from tilth.nn.feature_net import FeatureNet
from tilth.objectives.restore import Restore, RestoreCritic
from tilth.train.loop import Loop
from tilth.train.state import pack, unpack

STREAM = torch.Generator().manual_seed(0)
WANTED = torch.rand(4, 3, 16, 16, generator=STREAM)
SEEN = F.avg_pool2d(WANTED, 2)
BATCH = Batch(Worsened(SEEN, WANTED), torch.zeros(4), torch.arange(4))


def features(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return FeatureNet(small_vgg(channels=3, size=16, outputs=2, width=4, stages=2).body)


def pair():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = restorer_critic(factor=2, width=4, blocks=1, critic_width=4, critic_halvings=1)
        nn.init.normal_(model.restorer.details[-1].weight, 0, 0.1)
    return model


CASES = {
    "Restore": {
        "pixels": lambda: (Restore(), pair().restorer, BATCH),
        "features": lambda: (Restore(features(), feature_weight=0.5), pair().restorer, BATCH),
        "all": lambda: (
            Restore(features(), feature_weight=0.5, critic_weight=0.1, moves="restorer"),
            pair(),
            BATCH,
        ),
    },
    "RestoreCritic": {"hinge": lambda: (RestoreCritic(), pair(), BATCH)},
}
"""What tests/contracts/test_objectives.py holds these to, made anew for each test."""


def restoring(model, net):
    """What the restorer pays, written out."""
    found = model.restorer(SEEN)
    seen, truth = net(found), net(WANTED)
    apart = sum(F.l1_loss(a, b) for a, b in zip(seen, truth, strict=True))
    pixels = F.l1_loss(found, WANTED) + F.mse_loss(found, WANTED)
    return pixels + 0.5 * apart - 0.1 * model.critic(found).mean()


def judging(model):
    """What the critic pays, written out (Miyato et al. 2018, equation 16)."""
    fake = model.restorer(SEEN).detach()
    return F.relu(1 - model.critic(WANTED)).mean() + F.relu(1 + model.critic(fake)).mean()


def value(loss):
    return sum(term.weight * term.total / term.count for term in loss.parts.values())


def test_both_losses_by_hand():
    model, net = pair(), features()
    ours = value(Restore(net, feature_weight=0.5, critic_weight=0.1)(model, BATCH, None))
    torch.testing.assert_close(ours, restoring(model, net))
    torch.testing.assert_close(value(RestoreCritic()(model, BATCH, None)), judging(model))


class Same(BaseSource):
    def next(self, model, context):
        return BATCH


def make_loop(model, steps=8, hooks=()):
    players = {
        name: Player(list(part.parameters()), torch.optim.SGD(part.parameters(), 0.05))
        for name, part in model.named_children()
    }
    restorer = Restore(features(), feature_weight=0.5, critic_weight=0.1, moves="restorer")
    return Loop(model, [RestoreCritic(), restorer], Same(), players, total_steps=steps, hooks=hooks)


def test_the_loop_is_the_loop_by_hand():
    model = pair()
    mine, net = copy.deepcopy(model), features()
    make_loop(model).fit()
    players = [torch.optim.SGD(part.parameters(), 0.05) for part in (mine.critic, mine.restorer)]
    for _ in range(8):
        for optimizer, pay in zip(players, (judging, lambda m: restoring(m, net)), strict=True):
            mine.zero_grad()
            pay(mine).backward()
            optimizer.step()
    for name, wanted in mine.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], wanted, rtol=0, atol=1e-5)


def test_it_goes_on_to_the_bit():
    whole = make_loop(pair())
    whole.fit()
    first = make_loop(pair(), hooks=[StopAt(3)])
    first.fit()
    second = make_loop(
        restorer_critic(factor=2, width=4, blocks=1, critic_width=4, critic_halvings=1)
    )
    second.load_state_dict(unpack(*pack({**first.state_dict(), "hooks": []})))
    second.fit()
    for name, wanted in whole.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], wanted), name


def test_without_a_weight_there_is_no_critic_and_no_net():
    context = Context(0, 0.0, 0, torch.Generator(), torch.device("cpu"))
    assert list(Restore(features())(pair(), BATCH, context).parts) == ["pixels"]


def test_a_run_goes_on_with_its_own_feature_net():
    state = Restore(features(0), feature_weight=1.0).state_dict()
    Restore(features(0), feature_weight=1.0).load_state_dict(state)
    with pytest.raises(UserError, match="began with"):
        Restore(features(1), feature_weight=1.0).load_state_dict(state)


def test_weights_that_cannot_be_are_refused():
    with pytest.raises(UserError, match="critic_weight=-1"):
        Restore(critic_weight=-1)
    with pytest.raises(UserError, match="without a net"):
        Restore(feature_weight=1.0)
