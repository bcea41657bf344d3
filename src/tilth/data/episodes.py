"""Whole episodes of the model as it is now: the experience that the policy gradient asks for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tilth.contracts import BaseSource, Context, State
from tilth.data.environment import Environment, EpisodeCount, Stepped
from tilth.data.exploration import Exploration
from tilth.data.rollout import RolloutBatch, acting, expected, normal, recalled
from tilth.nn.returns import advantages
from tilth.randomness import SEEDS, fold
from tilth.tree import map_tree


class Episodes(BaseSource):
    """Acts with ``model.act`` until every copy has ended one episode, and hands out all steps.

    The copies begin together; one that has ended waits for the others, so that short episodes are
    not preferred. Returns are the discounted rewards to the end of the episode; where it was cut
    off, what the model's values (of ``recall``) expect from there on counts too.
    baseline: take the values from the returns to make advantages; without it these are the returns
    normalise: give the advantages of the batch mean 0 and deviation 1 (before it is cut)
    explore: how much the model explores at a frame; a frame is a step of a running episode
    """

    def __init__(
        self,
        environment: Environment,
        *,
        discount: float = 0.99,
        baseline: bool = False,
        normalise: bool = True,
        explore: Exploration = Exploration(1.0),  # noqa: B008 - it is frozen
        seed: int = 0,
    ) -> None:
        self.environment, self.explore, self.seed = environment, explore, seed
        self.discount, self.baseline, self.normalise = discount, baseline, normalise
        self.frames = self.batches = 0
        self.episodes = EpisodeCount(environment.copies)

    def next(self, model: nn.Module, context: Context) -> RolloutBatch:
        """Return the steps of one episode of each copy, copy by copy in order of time."""
        place = (context.rank, self.batches)
        stream = torch.Generator(context.device).manual_seed(fold(self.seed, "acting", *place))
        self.environment.reset(fold(self.seed, "world", *place) % SEEDS)
        self.batches += 1
        taken, followed, running = self._play(model, stream, context.device)
        rewards = torch.stack([one.rewards for one in followed]).to(context.device)
        ended = torch.stack([one.ended for one in followed]).to(context.device)
        shown, acted, features = zip(*taken, strict=True)
        seen, actions, extras = torch.stack(shown), torch.stack(acted), {}
        following = self._after_cuts(model, followed, stream, context.device)
        if self.baseline:
            with acting(model) as policy:
                extras = recalled(policy, features, actions)
        facts = {"discount": self.discount, "trace": 1.0}
        returns = advantages(rewards, torch.zeros_like(rewards), following, ended, **facts)
        better = returns - extras["values"] if self.baseline else returns
        whole = RolloutBatch(seen, actions, returns, better, extras)
        mine = running.T.to(context.device)
        batch: RolloutBatch = map_tree(lambda leaf: leaf.transpose(0, 1)[mine], whole)
        return batch._replace(advantages=normal(batch.advantages)) if self.normalise else batch

    def _play(
        self, model: nn.Module, stream: torch.Generator, device: torch.device
    ) -> tuple[list[Any], list[Stepped], Tensor]:
        """Return what was done and what followed until all ended, and [T, N] who still ran."""
        world, taken, followed, running = self.environment, [], [], []
        left, played = torch.ones(world.copies, dtype=torch.bool), EpisodeCount(world.copies)
        with acting(model) as policy:
            while bool(left.any()):
                seen = world.seen.to(device)
                action = policy.act(seen, generator=stream, explore=self.explore.at(self.frames))
                stepped = map_tree(torch.Tensor.cpu, world.step(action.actions))
                taken.append((seen, action.actions, action.features if self.baseline else None))
                followed.append(stepped)
                running.append(left)
                self.frames += int(left.sum())
                ends = {
                    "terminated": stepped.terminated & left,
                    "truncated": stepped.truncated & left,
                }
                played.add(stepped._replace(**ends))
                left = left & ~stepped.ended
        self.episodes.join(played)
        return taken, followed, torch.stack(running)

    def _after_cuts(
        self,
        model: nn.Module,
        followed: list[Stepped],
        stream: torch.Generator,
        device: torch.device,
    ) -> Tensor:
        """Return [T, N], what the model expects where an episode was cut off; 0 elsewhere."""
        cut = torch.stack([one.truncated for one in followed]).to(device)
        following = torch.zeros(cut.shape, device=device)
        if bool(cut.any()):
            finals = torch.cat([one.finals[one.truncated] for one in followed]).to(device)
            with acting(model) as policy:
                following[cut] = expected(policy, finals, stream)
        return following

    def state_dict(self) -> State:
        """Return the counts: between two batches no episode is running."""
        return {
            "episodes": self.episodes.state_dict(),
            "frames": self.frames,
            "batches": self.batches,
        }

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.episodes.load_state_dict(state["episodes"])
        self.frames, self.batches = state["frames"], state["batches"]
