"""The loop carries two players: WGAN-GP, five critic steps, two optimizers, equal to the bit."""

import copy
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from tests.stop_at import StopAt
from tilth.contracts import BaseSource, Batch, Context, Player
from tilth.data.noise import WithNoise
from tilth.nn.generator_critic import GeneratorCritic
from tilth.objectives.adversarial import CriticObjective, GeneratorObjective
from tilth.randomness import fold
from tilth.train.gradient import backward_cut, mean_loss
from tilth.train.loop import Loop
from tilth.train.state import pack, unpack
from tilth.tree import cut, map_tree

STEPS, CRITIC_STEPS, PENALTY = 60, 5, 10.0


def gan():
    generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
    critic = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    return GeneratorCritic(generator, critic, latent=4)


class Mixture(BaseSource):
    """Two Gaussians, drawn from an own stream that is State."""

    def __init__(self):
        self.stream = torch.Generator().manual_seed(3)

    def next(self, model, context):
        return Batch(draw(self.stream), torch.zeros(64), torch.arange(64))

    def state_dict(self):
        return {"stream": self.stream.get_state()}

    def load_state_dict(self, state):
        self.stream.set_state(state["stream"])


def draw(stream):
    side = torch.where(torch.rand(64, 1, generator=stream) < 0.5, -2.0, 2.0)
    return torch.randn(64, 1, generator=stream) * 0.3 + side


def source():
    return WithNoise(Mixture(), {"latent": (4,), "mix_uniform": ()})


def adam(module):
    return torch.optim.Adam(module.parameters(), 1e-3, betas=(0.0, 0.9))


def objectives():
    return [
        CriticObjective("wasserstein", gradient_penalty=PENALTY),
        GeneratorObjective("wasserstein", critic_steps=CRITIC_STEPS),
    ]


def make_loop(model, steps=STEPS, hooks=()):
    players = {n: Player(list(m.parameters()), adam(m)) for n, m in model.named_children()}
    return Loop(model, objectives(), source(), players, total_steps=steps, hooks=hooks)


def by_hand(model):
    """WGAN-GP written out (Gulrajani et al. 2017, algorithm 1), knowing nothing of the loop."""
    data = torch.Generator().manual_seed(3)
    noise = torch.Generator().manual_seed(fold(0, "noise", 0))
    critic, generator = adam(model.critic), adam(model.generator)
    average = None
    for step in range(STEPS):
        real = draw(data)
        latent = torch.randn(64, 4, generator=noise)
        mix = torch.rand(64, generator=noise)[:, None]
        with torch.no_grad():
            fake = model.generator(latent)
        loss = -model.critic(real).sum() + model.critic(fake).sum()
        between = (mix * real + (1 - mix) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(model.critic(between).sum(), between, create_graph=True)
        penalty = ((slope.norm(dim=1) - 1) ** 2).sum()
        critic.zero_grad()
        ((loss + penalty * PENALTY) / 64).backward()
        critic.step()
        if step % CRITIC_STEPS == CRITIC_STEPS - 1:
            generator.zero_grad()
            (-model.critic(model.generator(latent)).sum() / 64).backward()
            generator.step()
            average = averaged(average, weights(model.generator), step // CRITIC_STEPS)
    return average


def averaged(before, now, updates):
    if before is None:
        return now
    decay = min(0.999, (1 + updates) / (10 + updates))
    return [torch.lerp(a, b, 1 - decay) for a, b in zip(before, now, strict=True)]


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_equal_to_the_bit():
    model = gan()
    other, start = copy.deepcopy(model), weights(model)
    loop = make_loop(model)
    loop.fit()
    average = by_hand(other)
    assert same(weights(model), weights(other))
    assert same(weights(loop.objectives[1].averaged(model)), average)
    assert not any(torch.equal(a, b) for a, b in zip(weights(model)[::2], start[::2], strict=True))


@pytest.mark.parametrize("loss", ["saturating", "non_saturating", "hinge", "wasserstein"])
def test_no_gradient_reaches_the_other_player(loss):
    """The generator is frozen to the bit while the critic learns, and the other way round."""
    for objective in (
        CriticObjective(loss, gradient_penalty=1.0, r1=1.0),
        GeneratorObjective(loss),
    ):
        model = gan()
        before = {name: weights(part) for name, part in model.named_children()}
        players = {n: Player(list(m.parameters()), adam(m)) for n, m in model.named_children()}
        Loop(model, [objective], source(), players, total_steps=4).fit()
        moved = {n for n, part in model.named_children() if not same(before[n], weights(part))}
        assert moved == {objective.moves}
        assert all(parameter.grad is None for parameter in model.parameters())


def test_the_generator_rests_in_critic_steps():
    model = gan()
    before = weights(model.generator)
    make_loop(model, steps=CRITIC_STEPS - 1).fit()
    assert same(before, weights(model.generator))


@pytest.mark.parametrize("stop", [1, 4, 5, 19, 20, 23, 59])
def test_resumes_to_the_bit(stop):
    """Before and after a generator's step and amid the five; the state as a file has it."""
    whole, halved = gan(), gan()
    halved.load_state_dict(whole.state_dict())
    unbroken = make_loop(whole)
    unbroken.fit()
    first = make_loop(halved, hooks=[StopAt(stop)])
    first.fit()
    state = unpack(*pack(first.state_dict()))
    resumed = gan()
    second = make_loop(resumed)
    second.load_state_dict({**state, "hooks": []})
    second.fit()
    assert second.step == STEPS
    assert same(weights(whole), weights(resumed))
    averages = [loop.objectives[1].averaged(loop.model) for loop in (unbroken, second)]
    assert same(*map(weights, averages))


@pytest.mark.parametrize("parts", [2, 3, 64])
@pytest.mark.parametrize("place", [0, 1])
def test_a_cut_batch_has_the_gradient_of_the_whole(parts, place):
    """In float64 to 1e-12: the noise came with the batch, before it was cut."""
    model = gan().double()
    context = Context(0, 0.0, 0, torch.Generator(), torch.device("cpu"))
    batch = map_tree(
        lambda leaf: leaf.double() if leaf.is_floating_point() else leaf,
        source().next(model, context),
    )
    objective = [
        CriticObjective("wasserstein", gradient_penalty=PENALTY, r1=1.0),
        GeneratorObjective("wasserstein"),
    ][place]
    trained = list(model.get_submodule(objective.moves).parameters())
    _, scalar = mean_loss(objective, model, batch, context, nullcontext)
    wanted = torch.autograd.grad(scalar, trained, allow_unused=True)
    pieces = cut(batch, parts)
    backward_cut(objective, model, pieces, trained, context, nullcontext)
    for parameter, gradient in zip(trained, wanted, strict=True):
        if gradient is None:  # the last bias of a critic whose scores are only compared
            continue
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-12, atol=1e-12)
