"""Two domains through the one loop: DANN and CycleGAN equal loops written by hand, to the bit."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.stop_at import StopAt
from tilth.contracts import Player
from tilth.data.image_pool import WithImagePool
from tilth.data.paired import Domain, PairedSource
from tilth.data.resident_store import ResidentStore
from tilth.models.cycle_gan import cycle_gan
from tilth.models.domain_net import domain_net
from tilth.objectives.cycle import CycleCritic, CycleGenerator
from tilth.objectives.domain_adversarial import DomainAdversarial
from tilth.randomness import fold, permutation
from tilth.train.loop import Loop
from tilth.train.state import pack, unpack

STREAM = torch.Generator().manual_seed(0)
SIDE, ROWS, FEW, BATCH = 16, 30, 7, 6
PICTURES = torch.rand(ROWS, 1, SIDE, SIDE, generator=STREAM) * 2 - 1
OTHERS = torch.rand(FEW, 1, SIDE, SIDE, generator=STREAM) - 1
LABELS = torch.arange(ROWS) % 3


def plain(raw, keys, epoch):
    return raw


def paired(seed=5):
    many = Domain(ResidentStore(PICTURES), np.arange(ROWS), plain, LABELS)
    few = Domain(ResidentStore(OTHERS), np.arange(FEW), plain)
    return PairedSource(many, few, BATCH, seed=seed)


def order(count, name, steps, seed=5):
    """Return the rows of each step: one permutation after the other, cut into batches."""
    seed = fold(seed, name)
    rounds = -(-steps * BATCH // count)
    whole = torch.cat([permutation(count, seed=seed, epoch=epoch) for epoch in range(rounds)])
    return whole[: steps * BATCH].reshape(steps, BATCH)


def batches(steps):
    """Yield source pictures, labels and target pictures as two tensors in order would."""
    sides = zip(
        order(ROWS, "source domain", steps), order(FEW, "target domain", steps), strict=True
    )
    for rows, others in sides:
        yield PICTURES[rows], LABELS[rows], OTHERS[others]


def equal(a, b):
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def fresh_domain_net(condition):
    torch.manual_seed(1)
    return domain_net(channels=1, size=SIDE, labels=3, width=4, hidden=8, conditional=condition)


def dann_loop(model, condition, steps):
    parameters = list(model.parameters())
    player = Player(parameters, torch.optim.Adam(parameters, 1e-3))
    objective = DomainAdversarial(condition=condition)
    return Loop(model, [objective], paired(), {"model": player}, total_steps=steps)


class Turn(torch.autograd.Function):
    @staticmethod
    def forward(context, x, strength):
        context.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return gradient.neg() * context.strength, None


def dann_by_hand(model, condition, steps):
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for step, (pictures, labels, others) in enumerate(batches(steps)):
        strength = 2 / (1 + np.exp(-10 * step / steps)) - 1
        optimizer.zero_grad()
        features = model.body(pictures)
        logits = model.head(features)
        label = F.cross_entropy(logits, labels, reduction="sum")
        other = model.body(others)
        guesses = []
        for seen, answer in ((features, logits), (other, model.head(other))):
            turned = Turn.apply(seen, strength)
            if condition:
                chances = torch.softmax(answer.detach(), 1)
                turned = (chances.unsqueeze(2) * turned.unsqueeze(1)).reshape(BATCH, -1)
            guesses.append(model.critic(turned))
        domain = F.softplus(guesses[0]).sum() + F.softplus(-guesses[1]).sum()
        ((label + domain) / BATCH).backward()
        optimizer.step()


@pytest.mark.parametrize("condition", [False, True])
def test_domain_adversarial_is_equal_to_the_bit(condition):
    ours, theirs = fresh_domain_net(condition), fresh_domain_net(condition)
    start = copy.deepcopy(ours)
    dann_loop(ours, condition, 40).fit()
    dann_by_hand(theirs, condition, 40)
    assert equal(ours, theirs)
    pairs = zip(ours.parameters(), start.parameters(), strict=True)
    assert not any(torch.equal(x, y) for x, y in pairs)


def fresh_cycle_gan():
    torch.manual_seed(2)
    return cycle_gan(channels=1, width=4, blocks=1, critic_width=4, critic_halvings=1)


def adam(net):
    return torch.optim.Adam(net.parameters(), 2e-4, betas=(0.5, 0.999))


def cycle_loop(model, steps, size=9, **more):
    players = {
        "generator": Player(list(model.generator.parameters()), adam(model.generator)),
        "critic": Player(list(model.critic.parameters()), adam(model.critic)),
    }
    source = WithImagePool(paired(), size=size, seed=3)
    objectives = [CycleCritic(), CycleGenerator()]
    return Loop(model, objectives, source, players, total_steps=steps, **more)


def mean_square(scores, wanted):
    return ((scores - wanted) ** 2).flatten(1).mean(1).sum()


def mean_distance(found, wanted):
    return (found - wanted).abs().flatten(1).mean(1).sum()


def from_pool(pool, draws, made, size):
    """Return what the critic sees in place of ``made``, and the pool after it (a list)."""
    if len(pool) < size:
        return made, pool + list(made)[: size - len(pool)]
    shown, after = made.clone(), list(pool)
    for row, (whether, which) in enumerate(draws.tolist()):
        if whether < 0.5:
            place = int(torch.tensor(which) * size)
            shown[row], after[place] = pool[place], made[row]
    return shown, after


def cycle_by_hand(model, steps, size=9):
    there, back = model.generator.to_target, model.generator.to_source
    critics = (model.critic.source, model.critic.target)
    move_generator, move_critic = adam(model.generator), adam(model.critic)
    stream = torch.Generator().manual_seed(fold(3, "noise", 0))
    pools = [[], []]
    for source, _, target in batches(steps):
        draws = torch.rand(BATCH, 2, 2, generator=stream)
        move_critic.zero_grad()
        losses = []
        for side, (real, made) in enumerate(((source, back(target)), (target, there(source)))):
            fake, pools[side] = from_pool(pools[side], draws[:, side], made.detach(), size)
            score = mean_square(critics[side](real), 1) + mean_square(critics[side](fake), 0)
            losses.append(score * 0.5)
        ((losses[0] + losses[1]) / BATCH).backward()
        move_critic.step()
        move_generator.zero_grad()
        to_there, to_here = there(source), back(target)
        fooled = mean_square(critics[1](to_there), 1) + mean_square(critics[0](to_here), 1)
        cycle = mean_distance(back(to_there), source) + mean_distance(there(to_here), target)
        same = mean_distance(there(target), target) + mean_distance(back(source), source)
        ((fooled + cycle * 10.0 + same * 5.0) / BATCH).backward()
        move_generator.step()
    return pools


def test_cycle_gan_is_equal_to_the_bit():
    ours, theirs = fresh_cycle_gan(), fresh_cycle_gan()
    loop = cycle_loop(ours, 20)
    loop.fit()
    pools = cycle_by_hand(theirs, 20)
    assert equal(ours, theirs)
    for ours_held, theirs_held in zip(loop.source.pools, pools, strict=True):
        assert torch.equal(ours_held, torch.stack(theirs_held))
    start = fresh_cycle_gan()
    pairs = zip(ours.parameters(), start.parameters(), strict=True)
    assert not any(torch.equal(x, y) for x, y in pairs if x.dim() > 1)


def resumed(make, model, steps, stop):
    """Train to ``stop``, write the state as files hold it, and go on with everything new."""
    first = make(copy.deepcopy(model), steps)
    first.hooks.append(StopAt(stop))
    first.fit()
    state = unpack(*pack(first.state_dict()))
    second = make(copy.deepcopy(model), steps)
    second.load_state_dict({**state, "hooks": []})
    second.fit()
    assert first.step == stop and second.step == steps
    return second


@pytest.mark.parametrize("stop", [1, 13])
def test_domain_adversarial_resumes_to_the_bit(stop):
    model = fresh_domain_net(True)

    def make(net, steps):
        return dann_loop(net, True, steps)

    whole = make(copy.deepcopy(model), 25)
    whole.fit()
    assert equal(resumed(make, model, 25, stop).model, whole.model)


@pytest.mark.parametrize("stop", [1, 9])  # before and after the pool is full
def test_cycle_gan_resumes_to_the_bit_with_its_pools(stop):
    model = fresh_cycle_gan()
    whole = cycle_loop(copy.deepcopy(model), 16)
    whole.fit()
    second = resumed(cycle_loop, model, 16, stop)
    assert equal(second.model, whole.model)
    for a, b in zip(second.source.pools, whole.source.pools, strict=True):
        assert torch.equal(a, b)


def widen(source):
    for side in source.sides:
        side.prepare = lambda raw, keys, epoch: raw.double()
    return source


@pytest.mark.parametrize("parts", [2, 3])
def test_a_cut_batch_of_a_cycle_gan_gives_the_same_step(parts):
    """In float64, and with the pool's pictures, within 1e-12."""
    ends = []
    for pieces in (1, parts):
        model = fresh_cycle_gan().double()
        with torch.no_grad():  # from the start, a step multiplies a difference by a hundred
            for parameter in model.parameters():
                parameter.mul_(10)
        loop = cycle_loop(model, 4, micro_batches=pieces)
        widen(loop.source.source.source)
        # plain gradient steps: Adam divides rounding by rounding where a gradient is zero
        for player in loop.players.values():
            player.optimizer = torch.optim.SGD(player.parameters, 0.01)
        loop.fit()
        ends.append((model, loop.source.pools))
    for a, b in zip(ends[0][0].parameters(), ends[1][0].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    for a, b in zip(ends[0][1], ends[1][1], strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("parts", [2, 3])
def test_a_cut_batch_of_two_domains_gives_the_same_step(parts):
    ends = []
    for pieces in (1, parts):
        model = fresh_domain_net(True).double()
        parameters = list(model.parameters())
        player = Player(parameters, torch.optim.SGD(parameters, 0.01))
        source = widen(paired())
        objective = DomainAdversarial(condition=True)
        loop = Loop(
            model, [objective], source, {"model": player}, total_steps=8, micro_batches=pieces
        )
        loop.fit()
        ends.append(model)
    for a, b in zip(ends[0].parameters(), ends[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
