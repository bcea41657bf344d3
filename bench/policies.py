"""How well policies learn: seeds, frames and returns of PPO, REINFORCE, SAC and steering.

    python -m bench.policies ppo 0 1 2

A frame is a step of one copy of the world. Scores are means of 100 episodes in worlds and with
seeds of their own, begun together, without exploration.
"""

from __future__ import annotations

import sys
import time

import torch

from tilth.contracts import Player
from tilth.data.environment import Environment
from tilth.data.episodes import Episodes
from tilth.data.exploration import Exploration
from tilth.data.gym_environment import GymEnvironment
from tilth.data.replay import Replay
from tilth.data.rollout import Rollout
from tilth.models.actor_critic import actor_critic
from tilth.models.soft_actor_critic import soft_actor_critic
from tilth.objectives.proximal import Proximal
from tilth.objectives.reinforce import Reinforce
from tilth.objectives.soft_actor_critic import NOISE, SoftCritics, SoftPolicy, SoftTemperature
from tilth.train.loop import Loop


def score(loop: Loop, world: Environment, seed: int) -> float:
    """Return the mean return of an episode in each copy of a world, as well as the model can."""
    judge = Episodes(world, explore=Exploration(0.0), seed=10_000 + seed)
    judge.next(loop.model, loop.context())
    return judge.episodes.mean_return()


def adam(module: torch.nn.Module, rate: float, clip: float | None = None, falls=True) -> Player:
    """Return a player that moves a module, its rate falling to zero or staying."""
    parameters = list(module.parameters())
    optimizer = torch.optim.Adam(parameters, rate, eps=1e-5)
    schedule = (lambda progress: (1 - progress, None)) if falls else None
    return Player(parameters, optimizer, schedule, clip)


def ppo(seed: int) -> tuple[int, float]:
    """CartPole-v1, 100,352 frames of 8 copies."""
    torch.manual_seed(seed)
    world = GymEnvironment("CartPole-v1", copies=8)
    model = actor_critic(channels=4, choices=2)
    shape = {"steps": 128, "minibatches": 4, "passes": 4}
    source = Rollout(world, **shape, discount=0.98, trace=0.9, normalise=True, seed=seed)
    players = {"model": adam(model, 1e-3, clip=0.5)}
    steps = 98 * shape["minibatches"] * shape["passes"]
    loop = Loop(model, [Proximal()], source, players, total_steps=steps, seed=seed)
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


RUNS = {"ppo": ppo, "reinforce": reinforce, "sac": sac}


def main(name: str, seeds: list[int]) -> None:
    """Print a line for each seed."""
    torch.set_num_threads(1)
    for seed in seeds:
        begun, used = time.perf_counter(), time.process_time()
        frames, found = RUNS[name](seed)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - used
        print(f"{name} seed {seed}: {frames} frames, score {found:.1f}, {seconds:.0f} s ({cpu:.0f} cpu)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2:]])
