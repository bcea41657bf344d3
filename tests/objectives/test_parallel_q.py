"""PQN's loss against numbers worked out by hand."""

import pytest
import torch

from tilth.contracts import Player
from tilth.data.exploration import Exploration
from tilth.data.gym_environment import GymEnvironment
from tilth.data.rollout import Rollout, RolloutBatch
from tilth.models.q_network import q_network
from tilth.objectives.parallel_q import ParallelQ
from tilth.train.loop import Loop
from tilth.train.play import play


def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return q_network(channels=4, choices=3, layers=(8,))


def batch():
    generator = torch.Generator().manual_seed(1)
    observations, returns = torch.randn(6, 4, generator=generator), torch.arange(6.0)
    actions = torch.tensor([0, 1, 2, 0, 1, 2])
    return RolloutBatch(observations, actions, returns, returns - 1, {"values": returns - 1})


CASES = {"ParallelQ": {"of a q network": lambda: (ParallelQ(), net(), batch())}}


def test_only_the_action_taken_is_moved_towards_its_return():
    model, rows = net(), batch()
    loss = ParallelQ()(model, rows, None)
    values = model(rows.observations).detach()
    wanted = [float(rows.returns[i] - values[i, rows.actions[i]]) for i in range(6)]
    assert loss.parts["td"].count == 6
    torch.testing.assert_close(loss.feedback, torch.tensor(wanted))
    torch.testing.assert_close(
        loss.parts["td"].total, torch.tensor(sum(error**2 for error in wanted))
    )
    loss.parts["td"].total.backward()
    slopes = torch.zeros(3)
    for error, action in zip(wanted, rows.actions, strict=True):
        slopes[action] -= 2 * error
    torch.testing.assert_close(model.head.bias.grad, slopes)


@pytest.mark.slow
def test_cartpole_is_balanced_to_the_end():
    """The usual numbers of PQN; 200,000 frames, half a minute of one idle core."""
    torch.manual_seed(0)
    frames, copies, steps, minibatches, passes = 200_000, 16, 32, 4, 4
    model = q_network(channels=4, choices=2)
    source = Rollout(
        GymEnvironment("CartPole-v1", copies),
        steps=steps,
        minibatches=minibatches,
        passes=passes,
        trace=0.9,
        explore=Exploration(1.0, 0.05, frames // 2),
    )
    total = frames // (copies * steps) * minibatches * passes
    optimizer = torch.optim.RAdam(model.parameters(), 1e-3)
    falling = Player(list(model.parameters()), optimizer, lambda done: (1 - done, None), clip=10.0)
    Loop(model, [ParallelQ()], source, {"model": falling}, total_steps=total).fit()
    assert play(model, GymEnvironment("CartPole-v1", 100), seed=1).summary()["return"] >= 490
