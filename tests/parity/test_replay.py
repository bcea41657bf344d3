"""The loop carries learning from interaction: a replay source solves a chain MDP exactly."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth.contracts import BaseObjective, BaseSource, Loss, Player, Term
from tilth.train.loop import Loop

STATES, DISCOUNT, STEPS = 6, 0.9, 2500


class Corridor:
    """Walk left (0) or right (1); reaching the right end pays 1 and ends the episode."""

    def __init__(self):
        self.place = 0

    def step(self, action):
        begun = self.place
        self.place = max(0, self.place + (1 if action else -1))
        ended = self.place == STATES - 1
        seen = (begun, action, float(ended), self.place, float(ended))
        if ended:
            self.place = 0
        return seen


class Replay(BaseSource):
    """Acts with the model, epsilon-greedily; epsilon falls through ``observe``."""

    def __init__(self):
        self.corridor, self.memory, self.epsilon = Corridor(), [], 1.0
        self.stream = torch.Generator().manual_seed(0)
        self.worst = 0.0

    def act(self, model):
        if float(torch.rand(1, generator=self.stream)) < self.epsilon:
            return int(torch.randint(2, (1,), generator=self.stream))
        with torch.no_grad():
            return int(model.values(one_hot(self.corridor.place)).argmax())

    def next(self, model, context):
        for _ in range(4):
            self.memory.append(self.corridor.step(self.act(model)))
        chosen = torch.randint(len(self.memory), (32,), generator=self.stream)
        return torch.tensor([self.memory[i] for i in chosen])

    def observe(self, batch, losses, model, context):
        self.epsilon = max(0.1, self.epsilon * 0.998)
        self.worst = float(losses[-1].feedback.abs().max())

    def state_dict(self):
        return {
            "place": self.corridor.place,
            "memory": torch.tensor(self.memory),
            "epsilon": self.epsilon,
            "worst": self.worst,
            "stream": self.stream.get_state(),
        }

    def load_state_dict(self, state):
        self.corridor.place = state["place"]
        rows = state["memory"].tolist()
        self.memory = [(int(s), int(a), r, int(t), e) for s, a, r, t, e in rows]
        self.epsilon, self.worst = state["epsilon"], state["worst"]
        self.stream.set_state(state["stream"])


def one_hot(place):
    return F.one_hot(torch.as_tensor(place, dtype=torch.int64), STATES).float()


class Values(nn.Module):
    def __init__(self):
        super().__init__()
        self.values = nn.Linear(STATES, 2, bias=False)
        nn.init.zeros_(self.values.weight)
        self.target = copy.deepcopy(self.values)


class DeepQ(BaseObjective):
    """Q-learning with a target copy refreshed every 50 steps (Mnih et al. 2015)."""

    moves = "values"

    def __call__(self, model, batch, context):
        state, action, reward, following, ended = batch.unbind(1)
        with torch.no_grad():
            best = model.target(one_hot(following)).max(1).values
        wanted = reward + DISCOUNT * (1 - ended) * best
        found = model.values(one_hot(state)).gather(1, action.long()[:, None]).squeeze(1)
        error = wanted - found
        return Loss({"td": Term((error**2).sum(), len(batch))}, feedback=error.detach())

    def after_step(self, model, context):
        if context.step % 50 == 49:
            model.target.load_state_dict(model.values.state_dict())


def make_loop(steps=STEPS):
    model = Values()
    trained = list(model.values.parameters())
    player = Player(trained, torch.optim.Adam(trained, 2e-2))
    return Loop(model, [DeepQ()], Replay(), {"values": player}, total_steps=steps)


def by_hand(steps):
    """Deep Q-learning written out: one loop, plain lists, no source and no objective."""
    model, corridor, memory = Values(), Corridor(), []
    optimizer = torch.optim.Adam(model.values.parameters(), 2e-2)
    stream, epsilon = torch.Generator().manual_seed(0), 1.0
    for step in range(steps):
        for _ in range(4):
            explore = float(torch.rand(1, generator=stream)) < epsilon
            if explore:
                action = int(torch.randint(2, (1,), generator=stream))
            else:
                action = int(model.values.weight.detach()[:, corridor.place].argmax())
            memory.append(corridor.step(action))
        rows = torch.randint(len(memory), (32,), generator=stream)
        states, actions, rewards, places, ends = torch.tensor([memory[i] for i in rows]).T
        with torch.no_grad():
            best = model.target(one_hot(places)).max(1).values
        wanted = rewards + DISCOUNT * (1 - ends) * best
        chosen = model.values(one_hot(states)).gather(1, actions.long()[:, None]).squeeze(1)
        optimizer.zero_grad()
        (((wanted - chosen) ** 2).sum() / 32).backward()
        optimizer.step()
        if step % 50 == 49:
            model.target.load_state_dict(model.values.state_dict())
        epsilon = max(0.1, epsilon * 0.998)
    return model, memory


def test_equal_to_the_bit_to_a_loop_by_hand():
    steps = 420  # the target copy is 20 steps old then
    loop = make_loop(steps)
    loop.fit()
    model, memory = by_hand(steps)
    assert loop.source.memory == memory
    assert torch.equal(loop.model.values.weight, model.values.weight)
    assert torch.equal(loop.model.target.weight, model.target.weight)
    assert not torch.equal(model.values.weight, model.target.weight)
    assert float(model.values.weight.detach().abs().max()) > 0.1


def exact_values():
    """Value iteration written out for the corridor."""
    values = torch.zeros(STATES, 2)
    for _ in range(200):
        best = values.max(1).values
        for state in range(STATES - 1):
            left = max(0, state - 1)
            values[state, 0] = DISCOUNT * best[left]
            values[state, 1] = 1.0 if state == STATES - 2 else DISCOUNT * best[state + 1]
    return values[: STATES - 1]


def test_learns_every_action_value_of_the_chain():
    loop = make_loop()
    loop.fit()
    found = loop.model.values(torch.eye(STATES))[: STATES - 1].detach()
    assert torch.allclose(found, exact_values(), atol=1e-3)
    assert loop.source.epsilon < 0.2
    assert loop.source.worst < 1e-3


def test_a_source_that_cannot_go_on_exactly_says_so_at_a_resume(recwarn):
    class Forgetful(Replay):
        exact_resume = False

    state = make_loop(120).state_dict()
    make_loop(120).load_state_dict(state)
    assert not recwarn.list
    loop = make_loop(120)
    loop.source = Forgetful()
    with pytest.warns(UserWarning, match=r"Forgetful says exact_resume = False: from step 0 on"):
        loop.load_state_dict(state)


def test_resumes_to_the_bit_with_its_memory():
    whole = make_loop(120)
    whole.fit()
    first = make_loop(120)
    first.total_steps = 50
    first.fit()
    second = make_loop(120)
    second.load_state_dict({**copy.deepcopy(first.state_dict()), "ended": False})
    second.fit()
    assert torch.equal(whole.model.values.weight, second.model.values.weight)
    assert (
        whole.source.state_dict()["memory"].tolist()
        == second.source.state_dict()["memory"].tolist()
    )
