"""The proximal loss against the formula row by row; at ratio 1 its gradient is the policy's."""

import math

import torch

from tilth.data.rollout import RolloutBatch
from tilth.models.actor_critic import actor_critic
from tilth.objectives.proximal import Proximal, clipped_gain

ROWS = 6


def made(**kind):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = actor_critic(channels=3, layers=(8,), **kind)
        torch.nn.init.normal_(model.actor[-1].weight)
    return model


def batch(actions, far=0.3):
    """Return experience of another policy, whose log-probabilities are up to ``far`` off."""
    draw = torch.Generator().manual_seed(5)
    numbers = torch.randn(4, ROWS, generator=draw)
    extras = {"log_probs": -1.1 + far * numbers[0], "values": numbers[1]}
    seen = torch.randn(ROWS, 3, generator=draw)
    return RolloutBatch(seen, actions, numbers[2], numbers[3], extras)


CHOICES = torch.tensor([0, 1, 2, 0, 1, 2])
NUMBERS = torch.randn(ROWS, 2, generator=torch.Generator().manual_seed(3))
CASES = {
    "Proximal": {
        "choices": lambda: (Proximal(), made(choices=3), batch(CHOICES)),
        "numbers": lambda: (Proximal(), made(numbers=2), batch(NUMBERS)),
    },
}


@torch.no_grad()
def test_it_is_the_formula_row_by_row():
    """Equation 9 of Schulman et al. 2017 as other libraries write it: means and minus signs."""
    model, rows = made(choices=3), batch(CHOICES)
    policy = value = entropy = clipped = 0.0
    for row in range(ROWS):
        logits, (expected,) = model(rows.observations[row : row + 1])
        shares = torch.softmax(logits[0], 0).tolist()
        ratio = shares[CHOICES[row]] / math.exp(float(rows.extras["log_probs"][row]))
        gain = float(rows.advantages[row])
        first, second = gain * ratio, gain * min(max(ratio, 0.8), 1.2)
        clipped += second < first
        policy -= min(first, second) / ROWS
        value += (float(rows.returns[row]) - float(expected)) ** 2 / ROWS
        entropy -= -sum(share * math.log(share) for share in shares) / ROWS
    assert 0 < clipped < ROWS
    parts = Proximal(value_weight=0.7, entropy_weight=0.02)(model, rows, None).parts
    found = sum(float(term.total) / term.count * term.weight for term in parts.values())
    assert abs(found - (policy + 0.7 * value / 2 + 0.02 * entropy)) < 1e-5
    assert abs(float(parts["policy"].total) / ROWS - policy) < 1e-5


def test_where_nothing_has_moved_it_is_the_policy_gradient():
    model, rows = made(choices=3), batch(CHOICES)
    log_probs = model.judge(rows.observations, CHOICES).log_probs
    rows.extras["log_probs"] = log_probs.detach()
    wanted = torch.autograd.grad(-(rows.advantages * log_probs).sum(), model.actor.parameters())
    loss = Proximal()(model, rows, None).parts["policy"].total
    found = torch.autograd.grad(loss, model.actor.parameters())
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_a_ratio_that_gained_enough_has_no_gradient_and_one_that_lost_has():
    ratios = torch.tensor([1.3, 0.7, 1.3, 0.7, 1.0], requires_grad=True)
    advantages = torch.tensor([1.0, -1.0, -1.0, 1.0, 2.0])
    clipped_gain(ratios, advantages, 0.2).sum().backward()
    assert ratios.grad.tolist() == [0.0, 0.0, -1.0, 1.0, 2.0]
