"""The policy gradient of a bandit in closed form; a value that is a baseline."""

import torch

from tests.objectives.test_proximal import CHOICES, NUMBERS, batch, made
from tilth.data.rollout import RolloutBatch
from tilth.objectives.reinforce import Reinforce

CASES = {
    "Reinforce": {
        "choices": lambda: (Reinforce(value_weight=0.5), made(choices=3), batch(CHOICES)),
        "numbers": lambda: (Reinforce(value_weight=0.5), made(numbers=2), batch(NUMBERS)),
    },
}


def bandit(model, rewards, counts):
    """Return plays of a bandit in the shares that its policy has: all the same observation."""
    actions = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    seen = torch.ones(len(actions), 3)
    gains = torch.tensor(rewards)[actions]
    return RolloutBatch(seen, actions, gains, gains, {})


def test_the_gradient_of_a_bandit_is_that_of_its_expected_reward():
    """d E[R] / d logit_k = share_k * (reward_k - E[R]), with every arm played in its share."""
    model = made(choices=2)
    model.actor[-1].weight.data.zero_()
    model.actor[-1].bias.data = torch.log(torch.tensor([0.3, 0.7]))
    rows = bandit(model, [5.0, 1.0], [30, 70])
    term = Reinforce()(model, rows, None).parts["policy"]
    (found,) = torch.autograd.grad(term.total / term.count, model.actor[-1].bias)
    expected = 0.3 * 5.0 + 0.7 * 1.0
    wanted = -torch.tensor([0.3 * (5.0 - expected), 0.7 * (1.0 - expected)])
    torch.testing.assert_close(found, wanted)


def test_a_constant_baseline_does_not_change_that_gradient():
    model = made(choices=2)
    model.actor[-1].weight.data.zero_()
    model.actor[-1].bias.data = torch.log(torch.tensor([0.3, 0.7]))
    rows = bandit(model, [5.0, 1.0], [30, 70])
    gradients = []
    for baseline in (0.0, 2.2):
        moved = rows._replace(advantages=rows.advantages - baseline)
        total = Reinforce()(model, moved, None).parts["policy"].total
        gradients.append(torch.autograd.grad(total, model.actor[-1].bias)[0])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-4)


def test_values_learn_the_returns_only_where_asked():
    model, rows = made(choices=3), batch(CHOICES)
    parts = Reinforce(value_weight=0.5)(model, rows, None).parts
    values = model(rows.observations)[1]
    pairs = zip(values.tolist(), rows.returns.tolist(), strict=True)
    wanted = 0.5 * sum((value - paid) ** 2 for value, paid in pairs)
    assert abs(float(parts["value"].total.detach()) - wanted) < 1e-5
    assert parts["value"].weight == 0.5
    assert list(Reinforce()(model, rows, None).parts) == ["policy"]
