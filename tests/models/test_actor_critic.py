"""Policies: probabilities against torch.distributions, draws against shares, a start near even."""

import pytest
import torch
from torch import distributions as D

from tilth.errors import UserError
from tilth.models.actor_critic import actor_critic


def inputs(rows):
    return torch.randn(rows, 5, generator=torch.Generator().manual_seed(1))


def call(model, observations):
    answer, values = model(observations)
    return torch.cat([answer, values[:, None]], 1)


CASE = {"arguments": {"channels": 5, "choices": 3}, "inputs": inputs, "call": call}


def made(seed=0, **arguments):
    torch.manual_seed(seed)
    return actor_critic(channels=5, **arguments)


def test_choices_are_judged_by_their_probabilities():
    model, seen, actions = made(choices=3), inputs(6), torch.tensor([0, 1, 2, 0, 1, 2])
    logits, values = model(seen)
    wanted = D.Categorical(logits=logits)
    judged = model.judge(seen, actions)
    torch.testing.assert_close(judged.log_probs, wanted.log_prob(actions))
    torch.testing.assert_close(judged.entropies, wanted.entropy())
    assert torch.equal(judged.values, values)


def test_numbers_are_judged_by_their_density():
    model, seen, actions = made(numbers=2), inputs(6), torch.randn(6, 2)
    model.log_std.data.copy_(torch.tensor([-1.0, 0.5]))
    wanted = D.Independent(D.Normal(model(seen)[0], model.log_std.exp().expand(6, 2)), 1)
    judged = model.judge(seen, actions)
    torch.testing.assert_close(judged.log_probs, wanted.log_prob(actions))
    torch.testing.assert_close(judged.entropies, wanted.entropy())


def gaussian(means, model):
    return D.Independent(D.Normal(means, model.log_std.exp().expand_as(means)), 1)


@pytest.mark.parametrize("kind", [{"choices": 3}, {"numbers": 2}])
def test_what_is_remembered_of_an_action_is_what_is_judged_later(kind):
    model, seen = made(**kind), inputs(6)
    for explore in (0.0, 1.0):
        generator = torch.Generator().manual_seed(4)
        action = model.act(seen, generator=generator, explore=explore)
        answer, values = model(seen)
        likely = D.Categorical(logits=answer) if "choices" in kind else gaussian(answer, model)
        extras = model.recall(action.features, action.actions)
        torch.testing.assert_close(extras["log_probs"], likely.log_prob(action.actions))
        torch.testing.assert_close(extras["values"], values)


def test_exploring_draws_from_the_policy_and_acting_well_takes_its_best():
    model = made(choices=3)
    model.actor[-1].bias.data = torch.tensor([0.0, 1.0, 2.0])
    seen, generator = torch.zeros(9000, 5), torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert (model.act(seen, generator=generator, explore=0.0).actions == 2).all()
    assert torch.equal(before, generator.get_state())
    drawn = model.act(seen, generator=generator, explore=1.0).actions
    shares = torch.softmax(model(seen[:1])[0][0], 0)
    found = torch.bincount(drawn, minlength=3) / 9000
    assert (found - shares).abs().max() < 3 * (0.25 / 9000) ** 0.5


def test_a_gaussian_policy_spreads_as_its_deviation_says():
    model = made(numbers=2)
    model.log_std.data.copy_(torch.tensor([-1.0, 0.5]))
    generator, seen = torch.Generator().manual_seed(0), torch.zeros(9000, 5)
    drawn = model.act(seen, generator=generator, explore=1.0).actions
    torch.testing.assert_close(drawn.std(0), model.log_std.detach().exp(), rtol=0.03, atol=0)
    best = model.act(seen, generator=generator, explore=0.0).actions
    torch.testing.assert_close(drawn.mean(0), best[0], rtol=0, atol=0.06)


def test_it_begins_by_trying_everything():
    logits, _ = made(choices=3)(10 * inputs(200))
    shares = torch.softmax(logits, 1)
    assert shares.min() > 0.32 and shares.max() < 0.345


def test_policy_and_value_of_vectors_share_nothing():
    model = made(choices=3)
    model(inputs(4))[1].sum().backward()
    assert all(parameter.grad is None for parameter in model.actor.parameters())
    assert all(parameter.grad is not None for parameter in model.critic.parameters())


def test_pictures_are_scaled_and_their_convolutions_shared():
    torch.manual_seed(0)
    model = actor_critic(channels=2, size=64, choices=3)
    pixels = torch.randint(256, (4, 2, 64, 64), dtype=torch.uint8)
    for whole, scaled in zip(model(pixels), model(pixels.float() / 255), strict=True):
        assert torch.equal(whole, scaled)
    first = model.encoder[1].weight.detach().flatten(1)
    torch.testing.assert_close(first @ first.T, 2 * torch.eye(32), rtol=1e-4, atol=1e-4)
    model(pixels)[1].sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.encoder.parameters())


def test_neither_or_both_kinds_of_action_are_refused():
    for wrong in ({}, {"choices": 2, "numbers": 1}):
        with pytest.raises(UserError, match="chooses among actions or gives numbers"):
            made(**wrong)
