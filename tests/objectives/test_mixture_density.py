"""The likelihood of a mixture against torch.distributions; both ways of a fork are learned."""

import torch
from torch import distributions as D

from tilth.contracts import BaseSource, Batch, Player
from tilth.models.mixture_density import mixture_density
from tilth.objectives.mixture_density import MixtureLikelihood
from tilth.train.loop import Loop

DRAW = torch.Generator().manual_seed(2)
BATCH = Batch(torch.randn(6, 4, generator=DRAW), torch.randn(6, generator=DRAW), torch.arange(6))


def made(components=3):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return mixture_density(channels=4, components=components, layers=(8,))


CASES = {
    "MixtureLikelihood": {
        "three": lambda: (MixtureLikelihood(), made(), BATCH),
        "one": lambda: (MixtureLikelihood(), made(1), BATCH),
    },
}


def test_it_is_the_likelihood_of_the_mixture():
    model = made()
    mixture = model(BATCH.inputs)
    law = D.MixtureSameFamily(
        D.Categorical(logits=mixture.logits), D.Normal(mixture.means, mixture.log_stds.exp())
    )
    found = MixtureLikelihood()(model, BATCH, None).parts["likelihood"].total
    torch.testing.assert_close(found, -law.log_prob(BATCH.targets).sum())


class Fork(BaseSource):
    """The same place again and again: a third goes left (-1), the others right (+0.5)."""

    def next(self, model, context):
        targets = torch.where(torch.arange(60) % 3 == 0, -1.0, 0.5)
        targets += 0.05 * torch.linspace(-2, 2, 60)
        return Batch(torch.ones(60, 4), targets, torch.arange(60))


def test_both_ways_of_a_fork_are_learned_with_their_shares():
    model = made(2)
    player = Player(list(model.parameters()), torch.optim.Adam(model.parameters(), 0.03))
    Loop(model, [MixtureLikelihood()], Fork(), {"model": player}, total_steps=150).fit()
    mixture = model(torch.ones(1, 4))
    order = mixture.means[0].argsort()
    torch.testing.assert_close(
        mixture.means[0, order].detach(), torch.tensor([-1.0, 0.5]), rtol=0, atol=0.03
    )
    shares = torch.softmax(mixture.logits[0], 0)[order].detach()
    torch.testing.assert_close(shares, torch.tensor([1 / 3, 2 / 3]), rtol=0, atol=0.02)
