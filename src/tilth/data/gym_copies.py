"""Several copies of a gymnasium environment whose ends the caller resets, each with its seed.

gymnasium's own automatic resets differ: some put a dummy step after an end, some lose the last
observation. Here every step gives what was seen last, and ``begin`` starts the episodes anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tilth.contracts import State
from tilth.data.cartpole_picture import draw_cartpole
from tilth.errors import UserError, choose, first_line

Taken = tuple[Any, Any, NDArray[np.bool_], NDArray[np.bool_]]
INSTALL = "pip install 'tilth[worlds]'"
ATARI = "ALE/"
STICKY = 0.25  # chance that an action is that of before, in the games' version 5
CARTPOLES = ("CartPole-v0", "CartPole-v1")


class Copies(Protocol):
    """What ``GymEnvironment`` needs of its copies.

    world: gymnasium's own vector environment
    """

    world: Any

    def step(self, actions: Any) -> Taken:
        """Return observations (the last ones where an episode ended), rewards and ends."""
        ...

    def begin(self, which: NDArray[np.bool_], seeds: list[int]) -> Any:
        """Begin episodes in the named copies; return the observations of all copies."""
        ...

    def picture(self) -> Any:
        """Return the first copy as [height, width, 3] uint8."""
        ...


def make_copies(name: str, copies: int, arguments: Mapping[str, Any]) -> Copies:
    """Return copies of a registered environment, by its own vectorised code where it has some.

    name: as gymnasium knows it ("CartPole-v1", "ALE/Pong-v5")
    arguments: handed to the environment's constructor
    Raises UserError where gymnasium (or ale-py) is not installed, or does not know the name or an
    argument.
    """
    try:
        return _copies(import_gymnasium(), name, copies, arguments)
    except (TypeError, KeyError, ValueError, AssertionError) as error:
        if not arguments:
            raise
        raise UserError(
            f"{name} does not take {told(arguments)} ({first_line(error)})",
            rule="arguments of a world are those of its constructor",
            fix="change or leave out one of " + ", ".join(arguments),
        ) from error


def told(arguments: Mapping[str, Any]) -> str:
    """Return arguments as they are given.

    >>> told({"map_name": "9x9"})
    "map_name='9x9'"
    """
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _copies(gymnasium: Any, name: str, copies: int, arguments: Mapping[str, Any]) -> Copies:
    if name.startswith(ATARI):
        return AtariCopies(name, copies, arguments)
    if name in CARTPOLES:
        return CartPoleCopies(gymnasium, name, copies, arguments)
    try:
        spec = gymnasium.spec(name)
    except gymnasium.error.Error as error:
        raise UserError(
            f"no environment {name!r}: {first_line(error)}",
            fix="python -c 'import gymnasium; gymnasium.pprint_registry()' lists them",
        ) from error
    return ListedCopies(gymnasium, spec, copies, arguments)


def has_time_limit(name: str, arguments: Mapping[str, Any]) -> bool:
    """Return whether episodes of a registered environment are cut off at last."""
    if name.startswith(ATARI) or "max_episode_steps" in arguments:
        return True
    return import_gymnasium().spec(name).max_episode_steps is not None


def import_gymnasium() -> Any:
    """Return the module; raise UserError where it is not installed."""
    try:
        import gymnasium
    except ImportError as error:
        raise UserError("gymnasium is not installed", fix=INSTALL) from error
    return gymnasium


class CartPoleCopies:
    """The cart and pole by gymnasium's own vectorised code; what changes is two arrays.

    That code begins an ended episode in the step after; here ``begin`` does so before, with the
    start that the plain environment has for the same seed.
    """

    def __init__(self, gymnasium: Any, name: str, copies: int, arguments: Mapping[str, Any]):
        mode = "vector_entry_point"
        self.world = gymnasium.make_vec(name, copies, vectorization_mode=mode, **arguments)
        self.world.reset(seed=0)

    def step(self, actions: Any) -> Taken:
        """Return observations (the last ones where an episode ended), rewards and ends."""
        return self.world.step(actions)[:4]  # type: ignore[no-any-return]

    def begin(self, which: NDArray[np.bool_], seeds: list[int]) -> Any:
        """Begin episodes in the named copies, each with its seed."""
        low, high = self.world.low, self.world.high
        for copy in np.flatnonzero(which):
            start = np.random.default_rng(seeds[copy]).uniform(low, high, 4)
            self.world.state[:, copy] = start
        self.world.steps[which] = 0
        self.world.prev_done[:] = False
        return self.world.state.T.astype(np.float32)

    def picture(self) -> Any:
        """Draw the first copy: gymnasium's own drawing needs pygame."""
        return draw_cartpole(*self.world.state[[0, 2], 0].tolist())

    def state_dict(self) -> State:
        """Return places, speeds and steps of all copies."""
        state, steps = self.world.state, self.world.steps
        return {"state": torch.from_numpy(state.copy()), "steps": torch.from_numpy(steps.copy())}

    def load_state_dict(self, state: State) -> Any:
        """Take back what ``state_dict`` gave; return the observations."""
        self.world.state, self.world.steps = (
            state[key].clone().numpy() for key in ("state", "steps")
        )
        self.world.prev_done[:] = False
        return self.world.state.T.astype(np.float32)


class ListedCopies:
    """One environment after the other in this process (SyncVectorEnv), whichever it is."""

    def __init__(self, gymnasium: Any, spec: Any, copies: int, arguments: Mapping[str, Any]):
        self._error = gymnasium.error

        def one() -> Any:
            modes = getattr(_entry(gymnasium, spec), "metadata", {}).get("render_modes", [])
            mode = {"render_mode": "rgb_array"} if "rgb_array" in modes else {}
            return gymnasium.make(spec, disable_env_checker=True, **mode, **arguments)

        try:
            self.world = gymnasium.vector.SyncVectorEnv(
                [one] * copies, autoreset_mode=gymnasium.vector.AutoresetMode.DISABLED
            )
        except gymnasium.error.DependencyNotInstalled as error:
            raise UserError(
                f"{spec.id}: {first_line(error)}", fix="install what it names"
            ) from error

    def step(self, actions: Any) -> Taken:
        """Return observations (the last ones where an episode ended), rewards and ends."""
        return self.world.step(actions)[:4]  # type: ignore[no-any-return]

    def begin(self, which: NDArray[np.bool_], seeds: list[int]) -> Any:
        """Begin episodes in the named copies, each with its seed."""
        return self.world.reset(seed=seeds, options={"reset_mask": which})[0]

    def picture(self) -> Any:
        """Return what the environment itself draws; raise UserError where it cannot."""
        if self.world.render_mode is None:
            raise UserError("this environment cannot be drawn", rule="it has no rgb_array mode")
        try:
            return self.world.envs[0].render()
        except self._error.DependencyNotInstalled as error:
            raise UserError(f"{first_line(error)}", fix="install what it names") from error


def _entry(gymnasium: Any, spec: Any) -> Any:
    point = spec.entry_point
    return gymnasium.envs.registration.load_env_creator(point) if isinstance(point, str) else point


class AtariCopies:
    """Games of the Arcade Learning Environment, stepped by ale-py's own threads.

    Four grey pictures of 84 x 84, the greater of the last two of four frames, up to 30 idle steps
    at the start, FIRE where a game waits for it, rewards cut to [-1, 1] (Mnih et al. 2015).
    In version 5 an action is now and then that of before (Machado et al. 2018).
    """

    def __init__(self, name: str, copies: int, arguments: Mapping[str, Any]) -> None:
        try:
            from ale_py.vector_env import AtariVectorEnv
        except ImportError as error:
            fix = "pip install 'tilth[atari]' (ale-py is under the GPL)"
            raise UserError("ale-py is not installed", fix=fix) from error
        game = choose(rom_name(name), all_games(), "game")
        self._seen: Any = None
        usual = {"repeat_action_probability": STICKY if name.endswith("-v5") else 0.0}
        given = {**usual, **arguments}
        self.world = AtariVectorEnv(game, copies, autoreset_mode="SameStep", **given)

    def step(self, actions: Any) -> Taken:
        """Return observations (the last ones where an episode ended), rewards and ends."""
        seen, rewards, terminated, truncated, info = self.world.step(actions)
        ended = terminated | truncated
        if ended.any():  # it has begun anew already; ``begin`` does so again, with a known seed
            seen = np.where(ended[:, None, None, None], info["final_obs"], seen)
        self._seen = seen
        return seen, rewards, terminated, truncated

    def begin(self, which: NDArray[np.bool_], seeds: list[int]) -> Any:
        """Begin episodes in the named copies, each with its seed."""
        chosen = np.array(seeds)[which]
        self._seen = self.world.reset(seed=chosen, options={"reset_mask": which})[0]
        return self._seen

    def picture(self) -> Any:
        """Return the newest grey picture of the first copy."""
        return np.repeat(self._seen[0, -1][..., None], 3, axis=2)


def all_games() -> list[str]:
    """Return the games that ale-py brings along."""
    from ale_py import roms

    return list(roms.get_all_rom_ids())


def rom_name(name: str) -> str:
    """Return ale-py's name of a game.

    >>> rom_name("ALE/Pong-v5"), rom_name("ALE/MsPacman-v5")
    ('pong', 'ms_pacman')
    """
    game = name.removeprefix(ATARI).rpartition("-v")[0] or name.removeprefix(ATARI)
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in game).removeprefix("_")
