"""A car with a camera on generated roads: what it sees is a small picture, what it does is steer.

An own world for learning to drive from vision, after the setting of Amini et al. 2019
("Variational end-to-end navigation and localization"): steering is the curvature of the car's
path, and where the road parts, both ways are right. All copies are stepped and drawn together.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tilth.contracts import State
from tilth.data.environment import Space, Stepped
from tilth.data.road import HALF_WIDTH, ISLAND, OPENING, Road
from tilth.errors import UserError
from tilth.nn.action import Action
from tilth.randomness import fold

METRES = 1.0  # travelled in a step: 10 m/s at 10 steps a second
SHARPEST = 0.15  # 1/m, the curvature of the car's path at full lock
LOOK_AHEAD = 7.0  # m, the point the scripted driver steers at
CAMERA_HEIGHT = 2.0  # m
NEAREST, FARTHEST = 2.5, 40.0  # m, what the lowest and the highest row of the picture show
SPREAD = 1.2  # lateral m per m ahead at the picture's side
LINE = 0.3  # m, the width of the white lines
COLOURS = torch.tensor(  # columns: grass, asphalt, lines
    [[70.0, 95.0, 235.0], [120.0, 95.0, 235.0], [60.0, 105.0, 225.0]]
)


class RoadWorld:
    """Copies of a car on a road of its own, seen through a camera, for ``length`` metres.

    Observations are [3, height, width] uint8 pictures; an action [1] in [-1, 1] steers, the right
    being positive. The reward is the metres of y gained; off the road the episode terminates.
    Raises UserError for counts below 1, and for a road of no length or without an end.

    >>> world = RoadWorld(copies=2, length=300.0)
    >>> world.reset(0).shape
    torch.Size([2, 3, 36, 64])
    >>> driver = RoadDriver(world)
    >>> world.step(driver.act(None, generator=None, explore=0.0).actions).terminated
    tensor([False, False])
    """

    name = "RoadWorld"
    exact_resume = True

    def __init__(
        self, copies: int, *, length: float = 1000.0, height: int = 36, width: int = 64
    ) -> None:
        if min(copies, height, width) < 1 or not 0 < length < math.inf:
            found = f"copies={copies}, length={length}, height={height}, width={width}"
            raise UserError(found, rule="counts are at least 1, and a road has a length")
        self.copies, self.length, self.height, self.width = copies, length, height, width
        self.observation = Space((3, height, width), "uint8")
        self.action = Space((1,), low=(-1.0,), high=(1.0,))
        self._generator = torch.Generator()
        self.reset(0)

    def reset(self, seed: int) -> Tensor:
        """Begin new roads in all copies; return [copies, 3, height, width] uint8."""
        self._generator.manual_seed(fold(seed, "roads"))
        self.road = Road.drawn(self.copies, self.length, self._generator)
        self.y = torch.zeros(self.copies)
        self.x, self.heading = self._start(self.road)
        self.seen = self.view()
        return self.seen

    def _start(self, road: Road) -> tuple[Tensor, Tensor]:
        origin = torch.zeros(self.copies, 1)
        return road.middle(origin).squeeze(1), torch.atan(road.slope(origin)).squeeze(1)

    def step(self, actions: Tensor) -> Stepped:
        """Drive one metre along an arc; ``actions`` [copies, 1] beyond [-1, 1] are clamped."""
        turn = actions.detach().cpu().to(torch.float32).reshape(-1).clamp(-1, 1) * SHARPEST * METRES
        before, between = self.y, self.heading + turn / 2
        self.x = self.x + METRES * torch.sin(between)
        self.y = self.y + METRES * torch.cos(between)
        self.heading = self.heading + turn
        terminated = self.offset() > HALF_WIDTH
        truncated = (self.y >= self.length) & ~terminated
        rewards, finals = self.y - before, self.view()
        self.seen, ended = finals, terminated | truncated
        if bool(ended.any()):
            self._begin_anew(ended)
            self.seen = torch.where(ended[:, None, None, None], self.view(), finals)
        return Stepped(self.seen, rewards, terminated, truncated, finals)

    def _begin_anew(self, ended: Tensor) -> None:
        other = Road.drawn(self.copies, self.length, self._generator)
        x, heading = self._start(other)
        self.road = self.road.where(ended, other)
        self.x, self.y = torch.where(ended, x, self.x), torch.where(ended, 0.0, self.y)
        self.heading = torch.where(ended, heading, self.heading)

    def offset(self) -> Tensor:
        """Return [copies] how far each car is from the middle of the nearer branch, in metres."""
        return self.road.offset(self.x[:, None], self.y[:, None]).squeeze(1)

    def view(self) -> Tensor:
        """Return what each car's camera sees: [copies, 3, height, width] uint8."""
        return self._drawn(self.height, self.width)

    def picture(self) -> Tensor:
        """Return the first car's view, four times as large: [3, 4 height, 4 width] uint8."""
        return self._drawn(4 * self.height, 4 * self.width, copies=1)[0]

    def _drawn(self, height: int, width: int, copies: int | None = None) -> Tensor:
        """Draw the ground row by row as a flat camera sees it; lines are softened by a pixel."""
        road = self.road.first(copies or self.copies)
        x, y, heading = (part[:copies, None] for part in (self.x, self.y, self.heading))
        dip = torch.linspace(CAMERA_HEIGHT / FARTHEST, CAMERA_HEIGHT / NEAREST, height)
        ahead = (CAMERA_HEIGHT / dip)[:, None].expand(height, width)
        right = torch.linspace(-SPREAD, SPREAD, width) * ahead
        softness = (ahead * (2 * SPREAD / width)).reshape(-1)
        ahead, right = ahead.reshape(-1), right.reshape(-1)
        sine, cosine = torch.sin(heading), torch.cos(heading)
        ground_x = x + ahead * sine + right * cosine
        ground_y = y + ahead * cosine - right * sine
        inside = HALF_WIDTH - road.offset(ground_x, ground_y)
        paved = (inside / softness + 0.5).clamp(0, 1)
        white = paved * ((LINE - inside) / softness + 0.5).clamp(0, 1)
        tufts = torch.sin(1.3 * ground_x).mul_(torch.sin(1.1 * ground_y)).mul_(0.12).add_(1)
        shares = torch.stack([(1 - paved).mul_(tufts), paved - white, white], 1)
        return (COLOURS @ shares).round_().to(torch.uint8).reshape(-1, 3, height, width)

    def state_dict(self) -> State:
        """Return cars, roads and the generator of the roads to come."""
        return {
            "car": torch.stack([self.x, self.y, self.heading]),
            "road": self.road.state_dict(),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.x, self.y, self.heading = state["car"].clone().unbind()
        self.road = Road(**state["road"])
        self._generator.set_state(state["generator"])
        self.seen = self.view()


class RoadDriver:
    """Steers at a point ahead on the branch that it knows to take (pure pursuit, Coulter 1992).

    It knows the road and does not look at the picture.
    """

    def __init__(self, world: RoadWorld) -> None:
        self.world = world

    def act(
        self, observations: Tensor | None, *, generator: torch.Generator | None, explore: float
    ) -> Action:
        """Return the steering [copies, 1] of all copies; nothing is drawn."""
        world = self.world
        aim = (world.y + LOOK_AHEAD * torch.cos(world.heading))[:, None]
        sideways = (world.road.way(aim) - world.x[:, None]).squeeze(1)
        along = aim.squeeze(1) - world.y
        sine, cosine = torch.sin(world.heading), torch.cos(world.heading)
        right = sideways * cosine - along * sine
        curvature = 2 * right / (sideways.square() + along.square())
        return Action((curvature / SHARPEST).clamp(-1, 1)[:, None])


def before_islands(world: RoadWorld, metres: float = OPENING + ISLAND / 2) -> Tensor:
    """Put each car so far before the first island of a straight road; return what it sees there.

    metres: to the middle of the island; by default where the road begins to part
    """
    world.road.amplitudes.zero_()
    world.x, world.heading = torch.zeros(world.copies), torch.zeros(world.copies)
    world.y = world.road.islands[:, 0] - metres
    world.seen = world.view()
    return world.seen
