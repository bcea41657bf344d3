"""A mixture's peak and mean against a fine grid of its density; draws against its shares."""

import torch

from tilth.models.mixture_density import Mixture, mixture_density
from tilth.nn.distributions import gaussian_mixture_log_prob


def inputs(rows):
    return torch.randn(rows, 4, generator=torch.Generator().manual_seed(1))


CASE = {
    "arguments": {"channels": 4, "components": 2, "layers": (16,)},
    "inputs": inputs,
    "call": lambda model, observations: torch.cat(model(observations), 1),
}

FORK = Mixture(
    logits=torch.log(torch.tensor([[0.4, 0.6], [0.7, 0.3]])),
    means=torch.tensor([[-2.0, 2.0], [-1.0, 1.5]]),
    log_stds=torch.log(torch.tensor([[0.2, 0.5], [0.3, 0.2]])),
)


def test_peak_and_mean_are_those_of_the_density():
    grid = torch.linspace(-6, 6, 12_001)
    for row in range(2):
        one = [part[row].expand(len(grid), 2) for part in FORK]
        density = gaussian_mixture_log_prob(*one, grid).exp()
        assert abs(float(FORK.mode()[row] - grid[density.argmax()])) < 2e-3
        mean = torch.trapezoid(grid * density, grid)
        torch.testing.assert_close(FORK.mean()[row], mean, rtol=1e-3, atol=1e-4)


def test_the_highest_peak_need_not_be_the_heaviest_part():
    assert FORK.mode().tolist() == [-2.0, -1.0]


def test_draws_go_both_ways_and_not_between():
    torch.manual_seed(0)
    model = mixture_density(channels=4, components=2, layers=(8,))
    model.head.weight.data.zero_()
    model.head.bias.data = torch.tensor([0.0, 0.0, -1.0, 1.0, -0.7, -0.7])
    seen, generator = torch.zeros(4000, 4), torch.Generator().manual_seed(0)
    drawn = model.act(seen, generator=generator, explore=1.0).actions.squeeze(1)
    mixture = model(seen[:1])
    share = float(torch.softmax(mixture.logits, 1)[0, 0].detach())
    assert abs((drawn < 0).float().mean() - share) < 0.03
    assert (drawn.abs() < 0.5).float().mean() < 0.02
    assert model.act(seen[:1], generator=generator, explore=0.0).actions.abs().item() == 1.0


def test_the_pictures_of_the_road_go_through_convolutions():
    model = mixture_density(channels=3, size=(36, 64), layers=(8,), width=4)
    assert [type(layer).__name__ for layer in model.body].count("Conv2d") == 3
    pixels = torch.randint(256, (2, 3, 36, 64), dtype=torch.uint8)
    for whole, scaled in zip(model(pixels), model(pixels.float() / 255), strict=True):
        assert torch.equal(whole, scaled)
