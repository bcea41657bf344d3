"""DQN from a memory, and PQN from rollouts, equal loops written by hand to the bit, and go on."""

import copy

import pytest
import torch
import torch.nn.functional as F

from tests.stop_at import StopAt
from tilth.contracts import Player
from tilth.data.exploration import Exploration
from tilth.data.gym_environment import GymEnvironment
from tilth.data.replay import Replay
from tilth.data.rollout import SEEDS, Rollout
from tilth.models.q_network import q_network
from tilth.objectives.parallel_q import ParallelQ
from tilth.objectives.q_learning import QLearning
from tilth.randomness import fold
from tilth.train.loop import Loop
from tilth.train.state import pack, unpack

STEPS, COPIES, WARM_UP, BATCH, N_STEP, DISCOUNT, EVERY = 90, 4, 100, 32, 3, 0.98, 20
EXPLORE = Exploration(1.0, 0.1, 300)


def net():
    torch.manual_seed(5)
    return q_network(channels=4, choices=2, layers=(24,), norm=False)


def loop_of(model, source, objective, steps=STEPS):
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    players = {"model": Player(list(model.parameters()), optimizer, clip=10.0)}
    return Loop(model, [objective], source, players, total_steps=steps)


def dqn():
    world = GymEnvironment("CartPole-v1", COPIES)
    source = Replay(
        world,
        capacity=600,
        batch_size=BATCH,
        updates_per_frame=0.1,
        warm_up=WARM_UP,
        n_step=N_STEP,
        discount=DISCOUNT,
        explore=EXPLORE,
        seed=9,
    )
    return loop_of(net(), source, QLearning(target_every=EVERY))


def pqn():
    source = Rollout(
        GymEnvironment("CartPole-v1", COPIES),
        steps=16,
        minibatches=3,
        passes=2,
        discount=DISCOUNT,
        trace=0.7,
        explore=EXPLORE,
        seed=9,
    )
    return loop_of(net(), source, ParallelQ())


class Past:
    """What each copy saw, as plain lists: observations, and what was done at some of them."""

    def __init__(self, seen):
        self.seen = [[one] for one in seen]
        self.done = [{} for _ in seen]

    def add(self, actions, stepped):
        for copy_ in range(COPIES):
            seen, done = self.seen[copy_], self.done[copy_]
            facts = (stepped.rewards[copy_], stepped.terminated[copy_], stepped.ended[copy_])
            done[len(seen) - 1] = (actions[copy_], *facts)
            seen.append(stepped.finals[copy_])
            if stepped.ended[copy_]:
                seen.append(stepped.observations[copy_])

    def draw(self, stream):
        kept = 600 // COPIES
        newest = [len(seen) - 1 - N_STEP for seen in self.seen]
        oldest = [max(len(seen) - kept, 0) for seen in self.seen]
        span = max(new - old for new, old in zip(newest, oldest, strict=True)) + 1
        found = []
        while len(found) < BATCH:
            copies = torch.randint(COPIES, (BATCH,), generator=stream).tolist()
            back = torch.randint(span, (BATCH,), generator=stream).tolist()
            found += [
                (one, newest[one] - less)
                for one, less in zip(copies, back, strict=True)
                if newest[one] - less >= oldest[one] and newest[one] - less in self.done[one]
            ]
        return [self.row(*place) for place in found[:BATCH]]

    def row(self, copy_, place):
        done, total = self.done[copy_], torch.zeros(())
        for later in range(N_STEP):
            _, reward, terminated, ended = done[place + later]
            total = total + reward * (DISCOUNT ** torch.tensor(float(later)))
            if ended:
                break
        discount = DISCOUNT ** torch.tensor(later + 1) * (~terminated).float()
        seen = self.seen[copy_]
        return seen[place], done[place][0], total, seen[place + later + 1], discount


def dqn_by_hand():
    """One loop, plain lists, a target network, no source and no objective."""
    model = net()
    target = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    world = GymEnvironment("CartPole-v1", COPIES)
    past = Past(world.reset(fold(9, "world", 0) % SEEDS))
    acting = torch.Generator().manual_seed(fold(9, "acting", 0))
    drawing = torch.Generator().manual_seed(fold(9, "drawing", 0))
    frames = 0
    for step in range(STEPS):
        while frames < WARM_UP + step / 0.1:
            random = torch.randint(2, (COPIES,), generator=acting)
            if frames >= WARM_UP:
                explores = torch.rand(COPIES, generator=acting) < EXPLORE.at(frames)
                with torch.no_grad():
                    random = torch.where(explores, random, model(world.seen).argmax(1))
            past.add(random, world.step(random))
            frames += COPIES
        seen, actions, rewards, later, discounts = map(
            torch.stack, zip(*past.draw(drawing), strict=True)
        )
        with torch.no_grad():
            best = model(later).argmax(1, keepdim=True)
            wanted = rewards + discounts * target(later).gather(1, best).squeeze(1)
        taken = model(seen).gather(1, actions[:, None]).squeeze(1)
        optimizer.zero_grad()
        (F.huber_loss(taken, wanted, reduction="none").sum() / BATCH).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        if (step + 1) % EVERY == 0:
            target.load_state_dict(model.state_dict())
    return model, target, past


def pqn_by_hand():
    """Act, work the returns back, shuffle, learn; no source and no objective."""
    model, optimizer_steps = net(), 0
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    world = GymEnvironment("CartPole-v1", COPIES)
    world.reset(fold(9, "world", 0) % SEEDS)
    acting = torch.Generator().manual_seed(fold(9, "acting", 0))
    order = torch.Generator().manual_seed(fold(9, "order", 0))
    frames = 0
    while True:
        steps = []
        with torch.no_grad():
            for _ in range(16):
                seen, random = world.seen, torch.randint(2, (COPIES,), generator=acting)
                explores = torch.rand(COPIES, generator=acting) < EXPLORE.at(frames)
                actions = torch.where(explores, random, model(seen).argmax(1))
                steps.append((seen, actions, world.step(actions)))
                frames += COPIES
            returns, better = [torch.zeros(0)] * 16, torch.zeros(COPIES)
            for time in reversed(range(16)):
                here, _, stepped = steps[time]
                worth = model(stepped.finals).max(1).values * ~stepped.terminated
                value, onward = model(here).max(1).values, DISCOUNT * 0.7 * (~stepped.ended).float()
                better = stepped.rewards + DISCOUNT * worth - value + onward * better
                returns[time] = better + value
        seen = torch.cat([one[0] for one in steps])
        actions, wanted = torch.cat([one[1] for one in steps]), torch.cat(returns)
        for _ in range(2):
            shuffled = torch.randperm(16 * COPIES, generator=order)
            for low, high in ((0, 21), (21, 42), (42, 64)):
                if optimizer_steps == STEPS:
                    return model
                rows = shuffled[low:high]
                taken = model(seen[rows]).gather(1, actions[rows, None]).squeeze(1)
                optimizer.zero_grad()
                (((wanted[rows] - taken) ** 2).sum() / (high - low)).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
                optimizer.step()
                optimizer_steps += 1


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def test_dqn_equals_a_loop_by_hand_to_the_bit():
    loop = dqn()
    loop.fit()
    model, target, past = dqn_by_hand()
    assert same(loop.model, model)
    assert same(loop.objectives[0]._kept.of(model), target) and not same(model, target)
    assert not same(model, net())
    assert sum(len(seen) for seen in past.seen) > 600, "the memory has been written over"


def test_pqn_equals_a_loop_by_hand_to_the_bit():
    loop = pqn()
    loop.fit()
    model = pqn_by_hand()
    assert same(loop.model, model) and not same(model, net())


@pytest.mark.parametrize("make", [dqn, pqn])
@pytest.mark.parametrize("stop", [1, 23, 60, 71])
def test_resumes_to_the_bit(make, stop):
    """In the middle of a memory, of a rollout's minibatches, of a target's life."""
    whole, first = make(), make()
    whole.fit()
    first.hooks.append(StopAt(stop))
    first.fit()
    state = unpack(*pack(first.state_dict()))
    second = make()
    for parameter in second.model.parameters():
        parameter.data.zero_()
    second.load_state_dict({**state, "hooks": []})
    second.fit()
    assert second.step == STEPS
    assert same(whole.model, second.model)
    assert whole.source.episodes.state_dict()["returns"] == second.source.episodes.returns
