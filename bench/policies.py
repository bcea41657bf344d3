"""How well policies learn: seeds, frames and returns of PPO, REINFORCE, SAC and steering.

    python -m bench.policies ppo 0 1 2

A frame is a step of one copy of the world. Scores are means of 100 episodes in worlds and with
seeds of their own, begun together, without exploration; of "road" it is the number of 100 unseen
roads that the mixture leaves.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from tilth.audit.forks import both_sides
from tilth.contracts import Player
from tilth.data.demonstrations import Demonstrations, demonstrations
from tilth.data.environment import Environment
from tilth.data.episodes import Episodes
from tilth.data.exploration import Exploration
from tilth.data.gym_environment import GymEnvironment
from tilth.data.replay import Replay
from tilth.data.resident_store import ResidentStore
from tilth.data.road_world import RoadDriver, RoadWorld, before_islands
from tilth.data.rollout import Rollout
from tilth.data.source import DatasetSource
from tilth.models.actor_critic import actor_critic
from tilth.models.mixture_density import mixture_density
from tilth.models.soft_actor_critic import soft_actor_critic
from tilth.nn.action import Action
from tilth.nn.body_head import BodyHead
from tilth.nn.observation_encoder import LEAST, observation_encoder
from tilth.objectives.mixture_density import MixtureLikelihood
from tilth.objectives.proximal import Proximal
from tilth.objectives.reinforce import Reinforce
from tilth.objectives.soft_actor_critic import NOISE, SoftCritics, SoftPolicy, SoftTemperature
from tilth.objectives.supervised import Supervised, squared_error
from tilth.train.loop import Loop
from tilth.train.play import play


def score(loop: Loop, world: Environment, seed: int) -> float:
    """Return the mean return of an episode in each copy of a world, as well as the model can."""
    return play(loop.model, world, seed=10_000 + seed).summary()["return"]


def adam(module: torch.nn.Module, rate: float, clip: float | None = None, falls=True) -> Player:
    """Return a player that moves a module, its rate falling to zero or staying."""
    parameters = list(module.parameters())
    optimizer = torch.optim.Adam(parameters, rate, eps=1e-5, fused=True)
    schedule = (lambda progress: (1 - progress, None)) if falls else None
    return Player(parameters, optimizer, schedule, clip)


def ppo(seed: int) -> tuple[int, float]:
    """CartPole-v1, 99,840 frames of 8 copies; the settings of the RL Zoo, with half the passes."""
    torch.manual_seed(seed)
    world = GymEnvironment("CartPole-v1", copies=8)
    model = actor_critic(channels=4, choices=2)
    source = Rollout(
        world, steps=32, passes=10, discount=0.98, trace=0.8, normalise=True, seed=seed
    )
    players = {"model": adam(model, 1e-3, clip=0.5)}
    objectives = [Proximal(entropy_weight=0.0)]
    loop = Loop(model, objectives, source, players, total_steps=390 * 10, seed=seed)
    loop.fit()
    return source.frames, score(loop, GymEnvironment("CartPole-v1", copies=100), seed)


def reinforce(seed: int) -> tuple[int, float]:
    """CartPole-v1, 500 episodes in 125 batches of 4."""
    torch.manual_seed(seed)
    model = actor_critic(channels=4, choices=2)
    source = Episodes(GymEnvironment("CartPole-v1", copies=4), discount=0.99, seed=seed)
    players = {"model": adam(model, 1e-2, clip=2.0)}
    loop = Loop(model, [Reinforce()], source, players, total_steps=125, seed=seed)
    loop.fit()
    print(f"    {source.episodes.ended} episodes", flush=True)
    return source.frames, score(loop, GymEnvironment("CartPole-v1", copies=100), seed)


def sac(seed: int) -> tuple[int, float]:
    """Pendulum-v1, 4 copies, a step of learning for each frame."""
    torch.manual_seed(seed)
    world = GymEnvironment("Pendulum-v1", copies=4)
    low, high = world.action.low, world.action.high
    model = soft_actor_critic(channels=3, low=low, high=high, layers=(128, 128))
    source = Replay(
        world,
        capacity=20_000,
        batch_size=128,
        updates_per_frame=1.0,
        warm_up=1000,
        explore=Exploration(1.0),
        noise=dict.fromkeys(NOISE, world.action.shape),
        seed=seed,
    )
    players = {
        "critics": adam(model.critics, 1e-3, falls=False),
        "actor": adam(model.actor, 1e-3, falls=False),
        "temperature": adam(model.temperature, 1e-3, falls=False),
    }
    objectives = [SoftCritics(rate=0.01), SoftPolicy(), SoftTemperature()]
    loop = Loop(model, objectives, source, players, total_steps=8000, seed=seed)
    loop.fit()
    return source.frames, score(loop, GymEnvironment("Pendulum-v1", copies=100), seed)


class Steering:
    """A net that steers, and what it is trained by: the mixture, or the squared error."""

    def __init__(self, kind: str, seed: int) -> None:
        torch.manual_seed(seed)
        self.mixed = kind == "mixture"
        if self.mixed:
            self.model = mixture_density(channels=3, size=(36, 64), layers=(128,), width=16)
            self.objective = MixtureLikelihood()
        else:
            facts = {"channels": 3, "size": (36, 64), "layers": (128,), "width": 16}
            facts["convolve_from"] = LEAST
            body, features = observation_encoder(**facts, norm=False)
            self.model = BodyHead(body, torch.nn.Linear(features, 1))
            self.objective = Supervised(squared_error)

    @torch.no_grad()
    def act(self, observations, *, generator, explore) -> Action:
        if self.mixed:
            return self.model.act(observations, generator=generator, explore=explore)
        return Action(self.model(observations), {})


def shown(frames: int = 12_000) -> Demonstrations:
    """Return what the scripted driver does on 64 roads, disturbed."""
    world = RoadWorld(64, length=600.0)
    return demonstrations(world, RoadDriver(world), frames=frames, disturbance=0.3)


def exits(policy, roads: int, seed: int) -> tuple[int, int, int]:
    """Return how many of so many unseen roads of 1 km are left, how many of these beside an
    island, and how many islands are passed on the way."""
    world = RoadWorld(roads)
    world.reset(1000 + seed)
    running, left, beside, passed = torch.ones(roads, dtype=torch.bool), 0, 0, 0
    while bool(running.any()):
        islands, before = world.road.islands, world.y
        actions = policy.act(world.seen, generator=None, explore=0.0).actions
        stepped = world.step(actions)
        gone = stepped.terminated & running
        near = (islands - before[:, None]).abs().min(1).values < 20.0
        left, beside = left + int(gone.sum()), beside + int((gone & near).sum())
        behind = (islands > before[:, None]) & (islands <= before[:, None] + 1.0)
        passed += int(behind[running].sum())
        running &= ~stepped.ended
    return left, beside, passed


@torch.no_grad()
def fork(model) -> str:
    """Return what a mixture says where straight roads begin to part."""
    world = RoadWorld(64)
    world.reset(77)
    seen = before_islands(world)
    wanted = RoadDriver(world).act(None, generator=None, explore=0.0).actions
    both = both_sides(model(seen))
    text = f"    before islands the driver steers {wanted.abs().mean():.2f} to either side; "
    return text + f"both sides have more than a fifth of the mixture at {int(both.sum())} of 64"


def road(seed: int) -> tuple[int, float]:
    """Steering from pictures: 12,000 frames of demonstrations, 600 steps of 64."""
    seen = shown()
    for kind in ("mixture", "squared error"):
        learner = Steering(kind, seed)
        store, rows = ResidentStore(seen.observations), np.arange(len(seen.actions))
        facts = {"prepare": lambda raw, keys, epoch: raw, "seed": seed}
        source = DatasetSource(store, seen.actions[:, 0], rows, 64, **facts)
        players = {"model": adam(learner.model, 1e-3)}
        Loop(learner.model, [learner.objective], source, players, total_steps=600).fit()
        learner.model.eval()
        for roads in (10, 100):
            left, beside, passed = exits(learner, roads, seed)
            found = f"{left} of {roads} roads left ({beside} at a fork), {passed} islands passed"
            print(f"    {kind}: {found}", flush=True)
        if learner.mixed:
            answer = left
            print(fork(learner.model), flush=True)
    return len(seen.actions), float(answer)


RUNS = {"ppo": ppo, "reinforce": reinforce, "sac": sac, "road": road}


def main(name: str, seeds: list[int]) -> None:
    """Print a line for each seed."""
    torch.set_num_threads(1)
    for seed in seeds:
        begun, used = time.perf_counter(), time.process_time()
        frames, found = RUNS[name](seed)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - used
        what = f"{name} seed {seed}: {frames} frames, score {found:.1f}"
        print(f"{what}, {seconds:.0f} s ({cpu:.0f} of one processor)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2:]])
