"""The loop carries policies: PPO and SAC equal hand-written loops to the bit, and go on exactly."""

import copy

import torch
from torch import nn

from tests.stop_at import StopAt
from tilth.contracts import Player
from tilth.data.exploration import Exploration
from tilth.data.gym_environment import GymEnvironment
from tilth.data.replay import Replay
from tilth.data.rollout import Rollout
from tilth.models.actor_critic import actor_critic
from tilth.models.soft_actor_critic import soft_actor_critic
from tilth.objectives.proximal import Proximal
from tilth.objectives.soft_actor_critic import NOISE, SoftCritics, SoftPolicy, SoftTemperature
from tilth.randomness import fold
from tilth.train.loop import Loop
from tilth.train.state import pack, unpack

SEED = 5


def stream(name):
    return torch.Generator().manual_seed(fold(SEED, name, 0))


def adam(module, rate=1e-3, clip=None):
    parameters = list(module.parameters())
    return Player(parameters, torch.optim.Adam(parameters, rate), clip=clip)


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def resumed(make, stop):
    """Stop a run, write its state and read it back, and end it in parts made anew."""
    first = make()
    first.hooks.append(StopAt(stop))
    first.fit()
    state = unpack(*pack(copy.deepcopy(first.state_dict())))
    second = make()
    second.load_state_dict({**state, "hooks": []})
    second.fit()
    return second


# PPO on CartPole: 3 copies, rollouts of 20 steps, 2 passes of 4 minibatches

COPIES, STEPS, PARTS, PASSES, ROLLOUTS = 3, 20, 4, 2, 6
GAMMA, TRACE = 0.98, 0.9


def policy():
    torch.manual_seed(SEED)
    return actor_critic(channels=4, choices=2, layers=(16,))


def ppo():
    model = policy()
    shape = {"steps": STEPS, "minibatches": PARTS, "passes": PASSES}
    world = GymEnvironment("CartPole-v1", copies=COPIES)
    source = Rollout(world, **shape, discount=GAMMA, trace=TRACE, normalise=True, seed=SEED)
    total = ROLLOUTS * PARTS * PASSES
    return Loop(model, [Proximal()], source, {"model": adam(model, clip=0.5)}, total_steps=total)


@torch.no_grad()
def rollout_by_hand(model, world, acting):
    """Act, and go back in time for advantages and returns; lists of steps, then flat tensors."""
    seen, done, gains, overs = [], [], [], []
    for _ in range(STEPS):
        here = world.seen
        logits = model.actor(here)
        action = (logits - torch.empty(COPIES, 2).exponential_(generator=acting).log()).argmax(1)
        stepped = world.step(action)
        assert not stepped.truncated.any()
        seen.append(here)
        done.append(action)
        gains.append(stepped.rewards)
        overs.append(stepped.terminated)
    whole = torch.cat(seen)  # what was seen is judged at once: other sums round otherwise
    rows = torch.arange(len(whole))
    chances = torch.log_softmax(model.actor(whole), 1)[rows, torch.cat(done)].chunk(STEPS)
    values = model.critic(whole)[:, 0].chunk(STEPS)
    follows = [*values[1:], model.critic(world.seen)[:, 0]]
    follows = [worth * ~over for worth, over in zip(follows, overs, strict=True)]
    better, wanted = [None] * STEPS, [None] * STEPS
    advantage = torch.zeros(COPIES)
    for time in reversed(range(STEPS)):
        goes_on = GAMMA * TRACE * (~overs[time]).float()
        last = time == STEPS - 1
        error = gains[time] + GAMMA * follows[time] - values[time]
        advantage = error if last else error + goes_on * advantage
        better[time], wanted[time] = advantage, advantage + values[time]
    return [torch.cat(column) for column in (seen, done, chances, better, wanted)]


def ppo_by_hand():
    model, world = policy(), GymEnvironment("CartPole-v1", copies=COPIES)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    world.reset(fold(SEED, "world", 0) % 2**31)
    acting, order = stream("acting"), stream("order")
    for _ in range(ROLLOUTS):
        columns = rollout_by_hand(model, world, acting)
        for _ in range(PASSES):
            for rows in torch.randperm(COPIES * STEPS, generator=order).chunk(PARTS):
                seen, done, before, better, wanted = (column[rows] for column in columns)
                spread, middle = torch.std_mean(better)
                better = (better - middle) / (spread + 1e-8)
                logits, values = model.actor(seen), model.critic(seen)[:, 0]
                every = torch.log_softmax(logits, 1)
                entropy = -(every.exp() * every).sum(1)
                chances = every[torch.arange(len(rows)), done]
                ratio = torch.exp(chances - before)
                gain = torch.min(ratio * better, ratio.clamp(0.8, 1.2) * better).sum()
                error = 0.5 * ((values - wanted) ** 2).sum()
                loss = (-gain + error * 0.5 + -entropy.sum() * 0.01) / len(rows)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 0.5)
                optimizer.step()
    return model


def test_ppo_is_equal_to_the_bit_to_a_loop_by_hand():
    loop = ppo()
    loop.fit()
    assert loop.source.episodes.ended > COPIES
    assert same(loop.model, ppo_by_hand())
    assert not same(loop.model, policy())


def test_ppo_goes_on_to_the_bit_in_the_middle_of_a_rollout():
    whole = ppo()
    whole.fit()
    second = resumed(ppo, stop=2 * PARTS * PASSES + PARTS + 1)  # second pass, second part
    assert same(whole.model, second.model)
    assert whole.source.episodes.returns == second.source.episodes.returns
    assert torch.equal(whole.source.environment.seen, second.source.environment.seen)


# SAC on Pendulum: 4 copies; an episode is cut off after 200 steps

WARM_UP, UPDATES, BATCH, RATE = 780, 130, 16, 0.01


def soft():
    torch.manual_seed(SEED)
    return soft_actor_critic(channels=3, low=(-2.0,), high=(2.0,), layers=(16,))


def sac():
    model = soft()
    source = Replay(
        GymEnvironment("Pendulum-v1", copies=4),
        capacity=4000,
        batch_size=BATCH,
        updates_per_frame=0.5,
        warm_up=WARM_UP,
        explore=Exploration(1.0),
        noise=dict.fromkeys(NOISE, (1,)),
        seed=SEED,
    )
    players = {name: adam(module) for name, module in model.named_children()}
    objectives = [SoftCritics(rate=RATE), SoftPolicy(), SoftTemperature()]
    return Loop(model, objectives, source, players, total_steps=UPDATES)


class Memory:
    """What each copy saw and did, in plain lists; None where an episode had ended."""

    def __init__(self, first):
        self.rows = [[[here, None]] for here in first]

    def add(self, actions, stepped):
        for which, places in enumerate(self.rows):
            places[-1][1] = (actions[which], stepped.rewards[which], stepped.terminated[which])
            places.append([stepped.finals[which], None])
            if stepped.ended[which]:
                places.append([stepped.observations[which], None])

    def draw(self, drawing):
        """Draw copies and how long ago, in blocks, until enough of them hold an action."""
        found, newest = [], [len(places) - 2 for places in self.rows]
        while len(found) < BATCH:
            copies = torch.randint(4, (BATCH,), generator=drawing).tolist()
            ago = torch.randint(max(newest) + 1, (BATCH,), generator=drawing).tolist()
            for which, back in zip(copies, ago, strict=True):
                place = newest[which] - back
                if place >= 0 and self.rows[which][place][1] is not None:
                    here, (action, reward, over) = self.rows[which][place]
                    then = self.rows[which][place + 1][0]
                    found.append((here, action, reward, then, 0.99 * (~over).float()))
        return [torch.stack(column) for column in zip(*found[:BATCH], strict=True)]


def squashed(model, seen, noise):
    """Return tanh actions and their log-density, written out."""
    mean, free = model.actor.body(seen).chunk(2, 1)
    log_std = -5.0 + 3.5 * (torch.tanh(free) + 1)
    raw = mean + torch.exp(log_std) * noise
    units = torch.tanh(raw)
    gaussian = -0.5 * noise**2 - log_std - 0.5 * 1.8378770664093453
    slope = 2.0 * (0.6931471805599453 - raw - nn.functional.softplus(-2.0 * raw))
    return units, (gaussian - slope).sum(1)


def worth(critics, seen, units):
    both = torch.cat([seen, units], 1)
    return torch.stack([critics.first(both)[:, 0], critics.second(both)[:, 0]])


def step(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def learn_by_hand(model, target, optimizers, rows, now, then):
    seen, done, gains, following, discounts = rows
    logarithm = model.temperature.logarithm
    with torch.no_grad():
        units, chance = squashed(model, following, then)
        least = worth(target, following, units).min(0).values
        wanted = gains + discounts * (least - logarithm.exp() * chance)
    units = 2 * (done + 2.0) / 4.0 - 1
    error = 0.5 * ((worth(model.critics, seen, units) - wanted) ** 2).sum()
    step(optimizers["critics"], error / BATCH)
    units, chance = squashed(model, seen, now)
    least = worth(model.critics, seen, units).min(0).values
    step(optimizers["actor"], (logarithm.exp().detach() * chance - least).sum() / BATCH)
    with torch.no_grad():
        _, chance = squashed(model, seen, now)
    step(optimizers["temperature"], (logarithm * -(chance - 1.0)).sum() / BATCH)
    with torch.no_grad():
        for kept, fresh in zip(target.parameters(), model.critics.parameters(), strict=True):
            kept.lerp_(fresh, RATE)


def sac_by_hand():
    model, world = soft(), GymEnvironment("Pendulum-v1", copies=4)
    target = copy.deepcopy(model.critics)
    optimizers = {
        name: torch.optim.Adam(module.parameters(), 1e-3) for name, module in model.named_children()
    }
    memory = Memory(world.reset(fold(SEED, "world", 0) % 2**31))
    acting, drawing, frames = stream("acting"), stream("drawing"), 0
    for update in range(UPDATES):
        while frames < WARM_UP + update / 0.5:
            if frames < WARM_UP:
                actions = -2.0 + 4.0 * torch.rand(4, 1, generator=acting)
            else:
                noise = torch.randn(4, 1, generator=acting)
                with torch.no_grad():
                    actions = -2.0 + (squashed(model, world.seen, noise)[0] + 1) / 2 * 4.0
            memory.add(actions, world.step(actions))
            frames += 4
        rows = memory.draw(drawing)
        now, then = (torch.randn(BATCH, 1, generator=drawing) for _ in range(2))
        learn_by_hand(model, target, optimizers, rows, now, then)
    return model, target


def test_sac_is_equal_to_the_bit_to_a_loop_by_hand():
    loop = sac()
    loop.fit()
    model, target = sac_by_hand()
    assert loop.source.episodes.ended == 4
    assert same(loop.model, model)
    found = loop.objectives[0].state_dict()["target"].values()
    wanted = target.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    start = soft()
    for name, module in start.named_children():
        assert not same(module, getattr(loop.model, name)), name


def test_sac_goes_on_to_the_bit_with_its_memory_and_targets():
    whole = sac()
    whole.fit()
    second = resumed(sac, stop=47)
    assert same(whole.model, second.model)
    kept = [loop.objectives[0].state_dict()["target"] for loop in (whole, second)]
    assert all(torch.equal(kept[0][name], kept[1][name]) for name in kept[0])
    assert torch.equal(whole.source.memory.seen, second.source.memory.seen)
