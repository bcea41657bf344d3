"""Stable-Baselines3: its PPO with the settings of tilth's arm, on CartPole and on MiniPong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from bench.arm import Clock, Config, Result, main, wait_for_start

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
from tilth.data.mini_pong import MiniPong

COMMON = {"max_grad_norm": 0.5, "vf_coef": 0.25, "device": "cpu", "verbose": 0}  # of the whole
# squared error: tilth takes half of it by 0.5
SETTINGS: dict[str, dict[str, Any]] = {
    "CartPole-v1": {
        "n_steps": 32,
        "batch_size": 256,
        "n_epochs": 10,
        "gamma": 0.98,
        "gae_lambda": 0.8,
        "ent_coef": 0.0,
    },
    "MiniPong": {
        "n_steps": 64,
        "batch_size": 256,
        "n_epochs": 4,
        "gamma": 0.98,
        "gae_lambda": 0.95,
        "ent_coef": 0.01,
    },
}
RATES, COPIES = {"CartPole-v1": 1e-3, "MiniPong": 3e-4}, {"CartPole-v1": 8, "MiniPong": 32}


class PongCopies(VecEnv):
    """MiniPong as Stable-Baselines3 takes worlds: arrays, and the last picture of a game aside."""

    def __init__(self, copies: int, seed: int) -> None:
        self.world, self.begun = MiniPong(copies), seed
        shape = self.world.observation.shape
        super().__init__(copies, Box(0, 255, shape, np.uint8), Discrete(3))

    def reset(self) -> np.ndarray:
        return self.world.reset(self.begun).numpy()

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = torch.from_numpy(actions)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        stepped = self.world.step(self.actions)
        told: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for copy in stepped.ended.nonzero().flatten().tolist():
            told[copy]["terminal_observation"] = stepped.finals[copy].numpy()
            told[copy]["TimeLimit.truncated"] = bool(stepped.truncated[copy])
        seen, ended = stepped.observations.numpy(), stepped.ended.numpy()
        return seen, stepped.rewards.numpy(), ended, told

    def close(self) -> None:
        return

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        return

    def env_method(self, method_name: str, *given: Any, indices: Any = None, **named: Any) -> Any:
        return [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


class Dense(BaseFeaturesExtractor):
    """One layer of 512 on the flattened pictures, as tilth has for small ones."""

    def __init__(self, observation_space: Box) -> None:
        super().__init__(observation_space, 512)
        size = int(np.prod(observation_space.shape))
        self.layers = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(size, 512), torch.nn.ReLU()
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.layers(observations)


def worlds_of(name: str, copies: int, seed: int) -> VecEnv:
    if name == "MiniPong":
        return VecMonitor(PongCopies(copies, seed))
    return make_vec_env(name, n_envs=copies, seed=seed)


def falling(peak: float) -> Callable[[float], float]:
    return lambda left: peak * left


def model_of(name: str, seed: int, **other: Any) -> PPO:
    pictures = {"features_extractor_class": Dense, "net_arch": []} if name == "MiniPong" else None
    return PPO(
        "MlpPolicy",
        worlds_of(name, COPIES[name], seed),
        learning_rate=falling(RATES[name]),
        policy_kwargs=pictures,
        seed=seed,
        **{**SETTINGS[name], **COMMON, **other},
    )


def ppo(variant: str, config: Config, seed: int) -> Result:
    name = str(config["world"])
    rollout = SETTINGS[name]["n_steps"] * COPIES[name]
    frames = int(config["frames"]) // rollout * rollout
    other = {"n_epochs": 20} if variant == "zoo" else {}  # the published number of passes
    model_of(name, seed, **other).learn(rollout)
    model = model_of(name, seed, **other)
    wait_for_start()
    clock = Clock()
    model.learn(frames)
    seconds = clock.lap()
    assert model.num_timesteps == frames
    judged = worlds_of(name, 20, 10_000 + seed)
    mean, _ = evaluate_policy(model, judged, n_eval_episodes=100, deterministic=True)
    return {
        "frames_per_second": frames / seconds,
        "processor_rate": frames / clock.processor,
        "return": float(mean),
    }


if __name__ == "__main__":
    main({"worlds": ppo, "pixels": ppo})
