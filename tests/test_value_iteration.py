"""Optimal values of worlds that can be solved by hand."""

import pytest
import torch

from tests.value_iteration import value_iteration


def test_the_optimal_policy_solves_its_linear_equations():
    """Its values are (1 - discount P)^-1 r, and no other policy's are greater anywhere."""
    generator = torch.Generator().manual_seed(0)
    chances = torch.rand(4, 2, 4, generator=generator, dtype=torch.float64)
    chances /= chances.sum(2, keepdim=True) * 1.1  # in one of eleven cases it ends
    rewards = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    found = value_iteration(chances, rewards, discount=0.9)
    states = torch.arange(4)
    best = torch.full((4,), -torch.inf, dtype=torch.float64)
    for number in range(16):
        policy = torch.tensor([number >> state & 1 for state in range(4)])
        moves = torch.eye(4, dtype=torch.float64) - 0.9 * chances[states, policy]
        best = best.maximum(torch.linalg.solve(moves, rewards[states, policy]))
    torch.testing.assert_close(found.max(1).values, best, rtol=0, atol=1e-8)


def test_a_corridor_is_discounted_step_by_step():
    chances = torch.zeros(3, 1, 3)
    chances[0, 0, 1] = chances[1, 0, 2] = 1
    rewards = torch.tensor([[0.0], [0.0], [1.0]])
    found = value_iteration(chances, rewards, discount=0.5)
    assert found.squeeze(1).tolist() == pytest.approx([0.25, 0.5, 1.0])
