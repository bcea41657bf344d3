"""Experience of the model as it is now: act for some steps, then learn from them and forget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tilth.contracts import BaseSource, Context, State
from tilth.data.environment import Environment, EpisodeCount, Recalling, Stepped
from tilth.data.exploration import Exploration
from tilth.errors import UserError
from tilth.nn.modes import modes_kept
from tilth.nn.precision import without_autocast
from tilth.nn.returns import advantages
from tilth.randomness import SEEDS, fold
from tilth.tree import bounds, map_tree


class RolloutBatch(NamedTuple):
    """Steps of a rollout, in any order.

    observations: [B, *shape] as the environment gives them; actions: [B] or [B, *shape]
    returns: [B] TD(lambda) targets of the values; advantages: [B] what an action was better
    extras: name -> [B, ...], what ``model.recall`` said of it, "values" among them; {} where the
    source did not ask
    """

    observations: Tensor
    actions: Tensor
    returns: Tensor
    advantages: Tensor
    extras: dict[str, Tensor]


class Rollout(BaseSource):
    """Acts with ``model.act`` for ``steps`` steps in all copies, then hands out minibatches.

    Every pass shuffles all rows anew and cuts them evenly; one minibatch is all rows as they are.
    What follows the last step, and what an episode was cut off from, is worth what
    ``model.recall`` says there.
    steps: of each copy before learning; minibatches: of a pass; passes: over the same steps
    discount, trace: gamma and lambda of returns and advantages
    normalise: give the advantages of a minibatch mean 0 and deviation 1 (before it is cut)
    explore: how much the model explores at a frame; a frame is a step of one copy
    Raises UserError for counts below 1 and for a model that cannot act.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        steps: int,
        minibatches: int = 1,
        passes: int = 1,
        discount: float = 0.99,
        trace: float = 0.95,
        normalise: bool = False,
        explore: Exploration = Exploration(1.0),  # noqa: B008 - it is frozen
        seed: int = 0,
    ) -> None:
        counts = {"steps": steps, "minibatches": minibatches, "passes": passes}
        for name, count in counts.items():
            if count < 1:
                raise UserError(f"{name}={count}", rule=f"{name} is at least 1")
        if minibatches > steps * environment.copies:
            raise UserError(
                f"minibatches={minibatches}",
                rule=f"a rollout has {steps} steps of {environment.copies} copies",
            )
        if normalise and minibatches > steps * environment.copies // 2:
            raise UserError(
                f"minibatches={minibatches} with normalise",
                rule="one row has no deviation: a minibatch that is normalised has 2 at least",
            )
        self.environment, self.explore, self.seed = environment, explore, seed
        self.steps, self.minibatches, self.passes = steps, minibatches, passes
        self.discount, self.trace, self.normalise = discount, trace, normalise
        self.frames, self.episodes = 0, EpisodeCount(environment.copies)
        self._streams: dict[str, torch.Generator] = {}
        self._held: RolloutBatch | None = None
        self._order = torch.zeros(0, dtype=torch.int64)
        self._part = 0  # of minibatches * passes

    @property
    def exact_resume(self) -> bool:  # type: ignore[override]
        """Whether the environment continues to the bit."""
        return self.environment.exact_resume

    def next(self, model: nn.Module, context: Context) -> RolloutBatch:
        """Return the next minibatch; act first where the last rollout is used up."""
        if not self._streams:
            self._begin(context.device, context.rank)
            self.environment.reset(fold(self.seed, "world", context.rank) % SEEDS)
        if self._held is None or self._part == self.minibatches * self.passes:
            with context.autocast():  # the loss holds its answers against those of here
                self._held, self._part = self._act(model, context.device), 0
        batch = self._minibatch(self._held)
        self._part += 1
        return batch._replace(advantages=normal(batch.advantages)) if self.normalise else batch

    def _minibatch(self, held: RolloutBatch) -> RolloutBatch:
        if self.minibatches == 1:
            return held  # the order of its rows does not matter
        place = self._part % self.minibatches
        if place == 0:
            self._order = torch.randperm(len(held.returns), generator=self._streams["order"])
        low, high = bounds(len(self._order), self.minibatches, place)
        chosen = self._order[low:high].to(held.returns.device)
        batch: RolloutBatch = map_tree(lambda leaf: leaf[chosen], held)
        return batch

    def _begin(self, device: torch.device, rank: int = 0) -> None:
        self._streams = {
            "acting": torch.Generator(device).manual_seed(fold(self.seed, "acting", rank)),
            "order": torch.Generator().manual_seed(fold(self.seed, "order", rank)),
        }

    def _act(self, model: nn.Module, device: torch.device) -> RolloutBatch:
        world, stream, taken, followed = self.environment, self._streams["acting"], [], []
        with acting(model) as policy:
            for _ in range(self.steps):
                seen, explore = world.seen.to(device), self.explore.at(self.frames)
                action = policy.act(seen, generator=stream, explore=explore)
                with without_autocast(device):  # the world keeps its numbers
                    stepped = world.step(action.actions)
                self.episodes.add(stepped)
                self.frames += world.copies
                taken.append((seen, *action))
                followed.append(stepped)
            held = map_tree(lambda leaf: leaf.to(device), followed)
            shown, acted, features = zip(*taken, strict=True)
            seen, actions = torch.stack(shown), torch.stack(acted)
            extras = recalled(policy, features, actions)
            following = self._following(policy, extras["values"], held, world.seen.to(device))
        rewards = torch.stack([one.rewards for one in held])
        ended = torch.stack([one.ended for one in held])
        values, facts = extras["values"], {"discount": self.discount, "trace": self.trace}
        better = advantages(rewards, values, following, ended, **facts)
        returns = better + values  # TD(lambda)
        batch: RolloutBatch = map_tree(
            lambda leaf: leaf.flatten(0, 1), RolloutBatch(seen, actions, returns, better, extras)
        )
        return batch

    def _following(
        self, policy: Recalling, values: Tensor, held: list[Stepped], last: Tensor
    ) -> Tensor:
        """Return [T, N], what follows each step is worth: 0 after an end, not after a cut."""

        def worth(observations: Tensor) -> Tensor:
            return expected(policy, observations, self._streams["acting"])

        following = torch.cat([values[1:], worth(last)[None]])
        following = following * ~torch.stack([one.terminated for one in held])
        cut = torch.stack([one.truncated for one in held])
        if cut.any():
            finals = torch.cat([one.finals[one.truncated] for one in held])
            following[cut] = worth(finals)
        return following

    def state_dict(self) -> State:
        """Return environment, counts, generators, and the steps that are still learned from."""
        held = None if self._held is None else self._held._asdict()
        streams = {name: stream.get_state() for name, stream in self._streams.items()}
        return {
            "environment": self.environment.state_dict() if self._streams else None,
            "episodes": self.episodes.state_dict(),
            "frames": self.frames,
            "streams": streams,
            "device": str(self._streams["acting"].device) if self._streams else "cpu",
            "held": held,
            "order": self._order,
            "part": self._part,
        }

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self._streams = {}
        if state["streams"]:
            self._begin(torch.device(state["device"]))
            for name, stream in self._streams.items():
                stream.set_state(state["streams"][name])
            self.environment.load_state_dict(state["environment"])
        self.episodes.load_state_dict(state["episodes"])
        self.frames, self._part = state["frames"], state["part"]
        self._order = state["order"].clone()
        self._held = None
        if state["held"] is not None:
            held = RolloutBatch(**state["held"])
            self._held = map_tree(lambda leaf: leaf.to(state["device"]), held)


@contextmanager
def acting(model: nn.Module) -> Iterator[Any]:
    """Let a model act: in evaluation mode and without gradients; modes are put back.

    Raises UserError for a model without ``act``.
    """
    if not callable(getattr(model, "act", None)):
        raise UserError(
            f"{type(model).__name__} has no act",
            rule="a model that learns from what it does chooses actions by act(observations, ...)",
            fix="use a q_network or a policy of tilth.models",
        )
    with modes_kept(model), torch.no_grad():
        model.eval()
        yield model


def recalled(policy: Recalling, features: Sequence[Any], actions: Tensor) -> dict[str, Tensor]:
    """Return what a policy says of all steps, name -> [T, N, ...].

    features: of each step, [N, F]; actions: [T, N] or [T, N, *shape]
    """
    check_features(policy, features[0])
    extras = policy.recall(torch.cat(list(features)), actions.flatten(0, 1))
    return {
        name: found.reshape(*actions.shape[:2], *found.shape[1:]) for name, found in extras.items()
    }


def expected(policy: Recalling, observations: Tensor, generator: torch.Generator) -> Tensor:
    """Return [B] what a policy expects to gain from observations on; nothing is drawn."""
    action: Any = policy.act(observations, generator=generator, explore=0.0)
    check_features(policy, action.features)
    return policy.recall(action.features, action.actions)["values"]


def check_features(policy: Recalling, features: Any) -> None:
    """Raise UserError for an ``act`` that says nothing to go on from."""
    if not isinstance(features, Tensor):
        raise UserError(
            f"features={features!r} from {type(policy).__name__}.act",
            rule="what is learned from values has act(...) -> Action(actions, features), however "
            "much it explores, and recall(features, actions) -> {'values': ...}",
            fix="give features [copies, F], the observations themselves for example",
        )


def normal(values: Tensor) -> Tensor:
    """Return values with mean 0 and standard deviation 1 (all but 0 where they are the same).

    One alone is 0: there is nothing to compare it with.

    >>> normal(torch.tensor([1.0, 3.0])), normal(torch.tensor([3.0]))
    (tensor([-0.7071,  0.7071]), tensor([0.]))
    """
    deviation, mean = torch.std_mean(values, correction=min(1, len(values) - 1))
    return (values - mean) / (deviation + 1e-8)
