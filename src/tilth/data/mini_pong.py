"""A small Pong from pixels: all copies are stepped and drawn together, as tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from tilth.contracts import State
from tilth.data.environment import Space, Stepped
from tilth.errors import UserError
from tilth.randomness import uniform

SIDE = 42  # px, height and width
LEFT, RIGHT = 4.0, 38.0  # px, where the paddles meet the ball
HALF = 4.0  # px, half a paddle
REACH = HALF + 1.0  # px from a paddle's middle at which the ball is still met
SPEED, STEEPEST = 2.5, 2.5  # px a step, of the ball across and at most up or down
STRIDE, RIVAL_STRIDE = 2.0, 0.6  # px a step, of the paddles
LONGEST = 1000  # steps of a game
SERVES = 1000  # of a copy, until they come again


class MiniPong:
    """Copies of a game of ``points`` points against a rival who follows the ball, but slowly.

    Observations are [2, 42, 42] uint8, the picture before and the one now; the choices are to stay,
    go up or go down with the right paddle. A reward of 1 or -1 is a point won or lost. A game that
    takes 1000 steps is cut off. Where the ball meets a paddle decides how steeply it flies off, so
    steep balls beat the rival. Serves are a function of (seed, copy, number of the serve).
    Raises UserError for counts below 1.

    >>> world = MiniPong(copies=2)
    >>> world.reset(seed=0).shape
    torch.Size([2, 2, 42, 42])
    >>> world.step(torch.tensor([1, 2])).rewards
    tensor([0., 0.])
    """

    name = "MiniPong"
    exact_resume = True
    observation = Space((2, SIDE, SIDE), "uint8", frames=2)
    action = Space((), "int64", choices=3)

    def __init__(self, copies: int, *, points: int = 5, device: torch.device | str = "cpu") -> None:
        if copies < 1 or points < 1:
            raise UserError(f"copies={copies}, points={points}", rule="each is at least 1")
        self.copies, self.points, self.device = copies, points, torch.device(device)
        rows, middles = torch.arange(SIDE), torch.arange(SIDE + 1)
        near = (rows + 0.5 - middles[:, None]).abs() < HALF
        self._bars = (near * 255).to(torch.uint8).to(self.device)  # paddle's middle -> its column
        self._pixels = (rows + 0.5).to(self.device)
        self._here = torch.arange(copies, device=self.device)
        self.reset(0)

    def reset(self, seed: int) -> Tensor:
        """Begin new games in all copies; return [copies, 2, 42, 42] uint8."""
        self._draw_serves(seed)
        self._serves, self._steps, self._scored = (torch.zeros_like(self._here) for _ in range(3))
        middle = torch.full((self.copies,), SIDE / 2, device=self.device)
        self._paddle, self._rival = middle.clone(), middle.clone()
        self._ball, self._speed = self._served()
        self._picture = self._drawn()
        self.seen = torch.stack([self._picture, self._picture], 1)
        return self.seen

    def _draw_serves(self, seed: int) -> None:
        """Draw places and speeds (across, down) of all serves: [copies, SERVES, 4]."""
        self._seed = seed
        rows = torch.arange(self.copies * SERVES, device=self.device)
        to, down, slope = uniform(rows, 3, seed=seed, stream="serve").unbind(1)
        middle, speed = torch.full_like(to, SIDE / 2), torch.where(to < 0.5, -SPEED, SPEED)
        drawn = torch.stack([middle, 11 + 20 * down, speed, 2 * slope - 1], 1)
        self._drawn_serves = drawn.reshape(self.copies, SERVES, 4)

    def _served(self) -> tuple[Tensor, Tensor]:
        """Return places and speeds, [copies, (across, down)], of each copy's next serve."""
        drawn = self._drawn_serves[self._here, self._serves % SERVES]
        return drawn[:, :2], drawn[:, 2:]

    def step(self, actions: Tensor) -> Stepped:
        """Move paddles and balls by one step."""
        rewards = self._move(actions.to(self.device))
        self._steps, self._scored = self._steps + 1, self._scored + rewards.abs().long()
        scored = rewards != 0
        terminated = self._scored >= self.points
        truncated = (self._steps >= LONGEST) & ~terminated
        if bool(scored.any()):
            self._serve(scored)
        before, self._picture = self._picture, self._drawn()
        finals = torch.stack([before, self._picture], 1)
        self.seen = finals
        if bool((ended := terminated | truncated).any()):
            self._begin_anew(ended)
            self._picture = self._drawn()
            first = torch.stack([self._picture, self._picture], 1)
            self.seen = torch.where(ended[:, None, None, None], first, finals)
        return Stepped(self.seen, rewards, terminated, truncated, finals)

    def _move(self, actions: Tensor) -> Tensor:
        """Move everything; return [copies] rewards."""
        way = (actions == 2).float() - (actions == 1).float()
        self._paddle = (self._paddle + STRIDE * way).clamp(HALF, SIDE - HALF)
        (across, down), (speed, slope) = self._ball.unbind(1), self._speed.unbind(1)
        chase = (down - self._rival).clamp(-RIVAL_STRIDE, RIVAL_STRIDE)
        self._rival = (self._rival + chase).clamp(HALF, SIDE - HALF)
        across, down = across + speed, down + slope
        bounced = (down < 1) | (down > SIDE - 1)
        down = torch.where(down < 1, 2 - down, down)
        down = torch.where(down > SIDE - 1, 2 * (SIDE - 1) - down, down)
        slope = torch.where(bounced, -slope, slope)
        right, left = across >= RIGHT, across <= LEFT
        off = down - torch.where(right, self._paddle, self._rival)
        met = (right | left) & (off.abs() <= REACH)
        rewards = (left & ~met).float() - (right & ~met).float()
        wall = torch.where(right, RIGHT, LEFT)
        across = torch.where(met, 2 * wall - across, across)
        speed = torch.where(met, -speed, speed)
        slope = torch.where(met, off / REACH * STEEPEST, slope)
        self._ball, self._speed = torch.stack([across, down], 1), torch.stack([speed, slope], 1)
        return rewards

    def _serve(self, which: Tensor) -> None:
        self._serves = self._serves + which
        ball, speed = self._served()
        self._ball = torch.where(which[:, None], ball, self._ball)
        self._speed = torch.where(which[:, None], speed, self._speed)

    def _begin_anew(self, ended: Tensor) -> None:
        self._serve(ended)
        self._steps, self._scored = self._steps * ~ended, self._scored * ~ended
        self._paddle = torch.where(ended, SIDE / 2, self._paddle)
        self._rival = torch.where(ended, SIDE / 2, self._rival)

    def _drawn(self) -> Tensor:
        """Return [copies, 42, 42] uint8: two paddles and a ball of 2 x 2 px.

        A pixel is as bright as the share of it that the ball covers: between two pictures of a
        ball on whole pixels, its speed could be told to one pixel a step only.
        """
        across, down = (1.5 - (self._pixels - self._ball[:, :, None]).abs()).clamp(0, 1).unbind(1)
        picture = (down[:, :, None] * across[:, None] * 255).round().to(torch.uint8)
        for middle, column in ((self._rival, 2), (self._paddle, 38)):
            picture[:, :, column : column + 2] = self._bars[middle.round().long()][:, :, None]
        return picture

    def picture(self) -> Tensor:
        """Return the first game, eight times as large: [3, 336, 336] uint8."""
        large = self._picture[0].repeat_interleave(8, 0).repeat_interleave(8, 1)
        return large.expand(3, -1, -1).contiguous().cpu()

    def state_dict(self) -> State:
        """Return everything that moves."""
        return {"seed": self._seed, "seen": self.seen, **{n: getattr(self, n) for n in MOVING}}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self._draw_serves(state["seed"])
        self.seen = state["seen"].to(self.device)
        for name in MOVING:
            setattr(self, name, state[name].to(self.device))


MOVING = ("_serves", "_steps", "_scored", "_paddle", "_rival", "_ball", "_speed", "_picture")
