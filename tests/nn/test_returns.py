"""Returns and advantages against double loops that follow the definitions."""

import pytest
import torch

from tilth.nn.returns import advantages, n_step_rewards

STEPS, COPIES = 9, 5


def experience():
    generator = torch.Generator().manual_seed(4)
    rewards, values, following = torch.randn(
        3, STEPS, COPIES, generator=generator, dtype=torch.float64
    )
    ended = torch.rand(STEPS, COPIES, generator=generator) < 0.25
    terminated = ended & (torch.rand(STEPS, COPIES, generator=generator) < 0.5)
    following = following * ~terminated
    going = ~ended[:-1]  # what follows a step that goes on is what the next one begins with
    values[1:][going] = following[:-1][going]
    assert (ended & ~terminated).any() and terminated.any()
    return rewards, values, following, ended


def n_step_target(rewards, following, ended, start, steps, discount):
    """Add up rewards for some steps, stopping at an end, and what follows the last."""
    total, weight = 0.0, 1.0
    for time in range(start, start + steps):
        total, weight = total + weight * float(rewards[time]), weight * discount
        if ended[time] or time == start + steps - 1:
            return total + weight * float(following[time]), time - start + 1
    raise AssertionError


@pytest.mark.parametrize("trace", [0.0, 0.6, 0.95, 1.0])
def test_values_and_advantages_are_weighted_means_of_n_step_targets(trace):
    """Sutton and Barto 2018, equation 12.3, cut at the end of an episode and of the rollout."""
    rewards, values, following, ended = experience()
    found = values + advantages(rewards, values, following, ended, discount=0.9, trace=trace)
    for copy in range(COPIES):
        column = rewards[:, copy], following[:, copy], ended[:, copy]
        for start in range(STEPS):
            left = STEPS - start
            for time in range(start, STEPS):
                if ended[time, copy]:
                    left = time - start + 1
                    break
            targets = [n_step_target(*column, start, n, 0.9)[0] for n in range(1, left + 1)]
            wanted = trace ** (left - 1) * targets[-1]
            wanted += sum((1 - trace) * trace ** (n - 1) * targets[n - 1] for n in range(1, left))
            assert float(found[start, copy]) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("trace", [0.0, 0.9, 1.0])
def test_advantages_are_discounted_sums_of_errors(trace):
    """Schulman et al. 2016, equation 16."""
    rewards, values, following, ended = experience()
    found = advantages(rewards, values, following, ended, discount=0.8, trace=trace)
    errors = rewards + 0.8 * following - values
    for copy in range(COPIES):
        for start in range(STEPS):
            wanted = 0.0
            for time in range(start, STEPS):
                wanted += (0.8 * trace) ** (time - start) * float(errors[time, copy])
                if ended[time, copy]:
                    break
            assert float(found[start, copy]) == pytest.approx(wanted, abs=1e-12)


def test_without_values_they_are_discounted_sums_of_rewards():
    rewards, values, following, ended = experience()
    following = following * ended  # only what a cut is followed by counts
    found = advantages(rewards, 0 * values, following, ended, discount=0.9, trace=1.0)
    for copy in range(COPIES):
        column = rewards[:, copy], following[:, copy], ended[:, copy]
        for start in range(STEPS):
            wanted, _ = n_step_target(*column, start, STEPS - start, 0.9)
            assert float(found[start, copy]) == pytest.approx(wanted, abs=1e-12)


def test_what_was_given_is_left_alone():
    given = experience()
    before = [one.clone() for one in given]
    advantages(*given, discount=0.9, trace=0.9)
    assert all(torch.equal(one, other) for one, other in zip(given, before, strict=True))


def test_n_step_rewards_stop_at_the_end():
    rewards, _, _, ended = experience()
    found, lengths = n_step_rewards(rewards.T, ended.T, discount=0.9)
    for row in range(COPIES):
        nothing = torch.zeros(STEPS)
        wanted, length = n_step_target(rewards[:, row], nothing, ended[:, row], 0, STEPS, 0.9)
        assert float(found[row]) == pytest.approx(wanted, abs=1e-12)
        assert int(lengths[row]) == length
