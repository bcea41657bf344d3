"""Doing what was shown, as a task."""

import functools

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl
from tests.worlds import context
from tilth.contracts import Batch
from tilth.data.demonstrations import demonstrations
from tilth.data.road_world import RoadDriver, RoadWorld
from tilth.errors import UserError
from tilth.models.mixture_density import Mixture
from tilth.nn.action import Action
from tilth.randomness import fold
from tilth.tasks.imitate import error_of_mean

ROAD = {"length": 60.0, "height": 12, "width": 20}
LEARNER = functools.partial(
    tl.Learner,
    tl.world("RoadWorld", ROAD),
    task="imitate",
    task_arguments={"frames": 320},
    epochs=1,
    seed=3,
)


class Straight(nn.Module):
    """Never turns."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, observations):
        zeros = self.unused * torch.zeros(len(observations), 1)
        return Mixture(zeros, zeros, zeros)

    def act(self, observations, *, generator, explore):
        return Action(torch.zeros(len(observations), 1))


def test_what_is_learned_from_is_what_the_driver_wanted():
    learner = LEARNER(quiet=True)
    world = RoadWorld(64, **ROAD)
    shown = demonstrations(world, RoadDriver(world), frames=320, disturbance=0.3)
    source = learner.parts().source
    seen = [source.next(None, context()) for _ in range(learner.plan.steps_per_epoch)]
    rows = torch.cat([batch.rows for batch in seen])
    assert sorted(rows.tolist()) == list(range(320))
    for batch in seen:
        assert torch.equal(batch.inputs, shown.observations[batch.rows])
        assert torch.equal(batch.targets, shown.actions[batch.rows, 0])


def test_exits_are_those_of_a_drive_by_hand():
    learner = LEARNER(Straight(), quiet=True)
    found = learner.task.values(learner.setup(), "valid")
    world = RoadWorld(20, **ROAD)
    world.reset(fold(fold(0, "episodes", "valid"), "world of playing") % 2**31)
    running, left, gained = torch.ones(20, dtype=torch.bool), torch.zeros(20), torch.zeros(20)
    while bool(running.any()):
        stepped = world.step(torch.zeros(20, 1))
        left += stepped.terminated & running
        gained += stepped.rewards * running
        running &= ~stepped.ended
    assert 0 < float(left.mean()) < 1, "some roads bend soon, some do not"
    assert np.array_equal(found[:, 0], left.numpy())
    np.testing.assert_allclose(found[:, 1], gained.numpy(), rtol=1e-5)
    assert learner.validate("valid")["valid/exits"] == pytest.approx(float(left.mean()))


def test_the_squared_error_is_that_of_the_mean_of_one_gaussian():
    learner = LEARNER(quiet=True, task_arguments={"frames": 320, "loss": "squared_error"})
    assert learner.architecture["arguments"]["components"] == 1
    (objective,) = learner.parts().objectives
    seen = learner.data.shown.observations[:5]
    wanted = torch.tensor([0.5, -0.5, 0.0, 1.0, -1.0])
    found = objective(learner.model, Batch(seen, wanted, torch.arange(5)), context())
    means = learner.model(seen).means[:, 0].detach()
    by_hand = sum((float(a) - float(b)) ** 2 for a, b in zip(means, wanted, strict=True))
    assert found.parts["loss"].total.item() == pytest.approx(by_hand, rel=1e-5)
    two = Mixture(torch.zeros(1, 2), torch.tensor([[-1.0, 0.5]]), torch.zeros(1, 2))
    assert float(error_of_mean(two, torch.tensor([0.75]))) == pytest.approx(1.0)


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="an action of one number"):
        tl.Learner(tl.world("CartPole-v1"), task="imitate")
    with pytest.raises(UserError, match=r"somebody has to show.*RoadWorld"):
        tl.Learner(tl.world("Pendulum-v1"), task="imitate")
    with pytest.raises(UserError, match="frames=3"):
        LEARNER(quiet=True, task_arguments={"frames": 3})
    with pytest.raises(UserError, match="loss"):
        LEARNER(quiet=True, task_arguments={"loss": "love"})
    with pytest.raises(UserError, match="has act"):
        LEARNER(nn.Linear(4, 2), quiet=True)._check()

    class Number(Straight):
        def forward(self, observations):
            return torch.zeros(len(observations), 1)

    with pytest.raises(UserError, match="a Mixture"):
        LEARNER(Number(), quiet=True)._check()


@pytest.mark.slow
def test_the_mixture_keeps_to_roads_that_the_squared_error_leaves(tmp_path):
    given = {"length": 400.0}
    learner = tl.Learner(
        tl.world("RoadWorld", given), task="imitate", quiet=True, run=tmp_path / "run", threads=1
    )
    found = learner.fit().audit()
    other = found["baselines"][0]["metrics"]["exits"]["value"]
    assert found["test"]["exits"]["value"] <= 0.05
    assert other >= 0.1
