"""The loop carries two players: WGAN-GP, five critic steps, two optimizers, equal to the bit."""

import copy

import torch
from torch import nn

from tests.stop_at import StopAt
from tilth.contracts import BaseObjective, BaseSource, Loss, Player, Term
from tilth.train.loop import Loop

STEPS, CRITIC_STEPS, PENALTY = 60, 5, 10.0


class Gan(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
        self.critic = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1))


class Mixture(BaseSource):
    """Two Gaussians, drawn from an own stream that is State."""

    def __init__(self):
        self.stream = torch.Generator().manual_seed(3)

    def next(self, model, context):
        return draw(self.stream)

    def state_dict(self):
        return {"stream": self.stream.get_state()}

    def load_state_dict(self, state):
        self.stream.set_state(state["stream"])


def draw(stream):
    side = torch.where(torch.rand(64, 1, generator=stream) < 0.5, -2.0, 2.0)
    return torch.randn(64, 1, generator=stream) * 0.3 + side


def critic_loss(gan, real, stream):
    with torch.no_grad():
        fake = gan.generator(torch.randn(len(real), 4, generator=stream))
    mix = torch.rand(len(real), 1, generator=stream)
    between = (mix * real + (1 - mix) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(gan.critic(between).sum(), between, create_graph=True)
    wasserstein = (gan.critic(fake) - gan.critic(real)).sum()
    return wasserstein, ((slope.norm(dim=1) - 1) ** 2).sum()


class Critic(BaseObjective):
    moves = "critic"

    def __call__(self, model, batch, context):
        wasserstein, penalty = critic_loss(model, batch, context.generator)
        count = len(batch)
        return Loss(
            {
                "wasserstein": Term(wasserstein, count),
                "penalty": Term(penalty, count, weight=PENALTY),
            }
        )


class Generator(BaseObjective):
    moves = "generator"

    def due(self, context):
        return context.step % CRITIC_STEPS == CRITIC_STEPS - 1

    def __call__(self, model, batch, context):
        fake = model.generator(torch.randn(len(batch), 4, generator=context.generator))
        return Loss({"score": Term(-model.critic(fake).sum(), len(batch))})


def adam(module):
    return torch.optim.Adam(module.parameters(), 1e-3, betas=(0.0, 0.9))


def make_loop(gan, steps=STEPS):
    players = {
        "critic": Player(list(gan.critic.parameters()), adam(gan.critic)),
        "generator": Player(list(gan.generator.parameters()), adam(gan.generator)),
    }
    return Loop(gan, [Critic(), Generator()], Mixture(), players, total_steps=steps)


def by_hand(gan, noise):
    stream = Mixture().stream
    critic, generator = adam(gan.critic), adam(gan.generator)
    for step in range(STEPS):
        real = draw(stream)
        wasserstein, penalty = critic_loss(gan, real, noise)
        critic.zero_grad()
        ((wasserstein + penalty * PENALTY) / len(real)).backward()
        critic.step()
        if step % CRITIC_STEPS == CRITIC_STEPS - 1:
            generator.zero_grad()
            fake = gan.generator(torch.randn(len(real), 4, generator=noise))
            (-gan.critic(fake).sum() / len(real)).backward()
            generator.step()
    return gan


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def test_equal_to_the_bit():
    gan = Gan()
    other, start = copy.deepcopy(gan), weights(gan)
    loop = make_loop(gan)
    noise = torch.Generator()
    noise.set_state(loop.state_dict()["ranks"][0]["generator"])
    loop.fit()
    by_hand(other, noise)
    assert all(torch.equal(a, b) for a, b in zip(weights(gan), weights(other), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(weights(gan)[::2], start[::2], strict=True))


def test_no_gradient_reaches_the_other_player():
    gan = Gan()
    before = weights(gan.generator)
    make_loop(gan, steps=CRITIC_STEPS - 1).fit()
    assert all(torch.equal(a, b) for a, b in zip(before, weights(gan.generator), strict=True))
    assert all(parameter.grad is None for parameter in gan.parameters())


def test_resumes_to_the_bit():
    whole, halved = Gan(), Gan()
    halved.load_state_dict(whole.state_dict())
    make_loop(whole).fit()
    first = make_loop(halved)
    first.hooks.append(StopAt(23))
    first.fit()
    state = copy.deepcopy(first.state_dict())
    resumed = Gan()
    second = make_loop(resumed)
    second.load_state_dict({**state, "hooks": []})
    second.fit()
    assert second.step == STEPS
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))
