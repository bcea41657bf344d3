import pytest
import torch
from torch import nn

from tests.models.gans import gan_case
from tilth.errors import UserError
from tilth.models.dcgan import dcgan

CASE = gan_case(size=16, width=8)


def by_the_example():
    """Generator and discriminator of PyTorch's example (examples/dcgan/main.py, nz=100, nc=3)."""

    def up(fan_in, fan_out, stride, padding):
        deconv = nn.ConvTranspose2d(fan_in, fan_out, 4, stride, padding, bias=False)
        return [deconv, nn.BatchNorm2d(fan_out), nn.ReLU(True)]

    def down(fan_in, fan_out):
        conv = nn.Conv2d(fan_in, fan_out, 4, 2, 1, bias=False)
        return [conv, nn.BatchNorm2d(fan_out), nn.LeakyReLU(0.2)]

    generator = nn.Sequential(
        *up(100, 512, 1, 0),
        *up(512, 256, 2, 1),
        *up(256, 128, 2, 1),
        *up(128, 64, 2, 1),
        nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    first = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    last = nn.Conv2d(512, 1, 4, 1, 0, bias=False)
    return generator, nn.Sequential(*first, *down(64, 128), *down(128, 256), *down(256, 512), last)


def copied(source, target):
    """Copy the tensors of one net into another by their order; shapes may differ by a view."""
    wanted = target.state_dict()
    found = [v for name, v in source.state_dict().items()]
    pairs = zip(wanted.items(), found, strict=True)
    target.load_state_dict({name: value.view_as(slot) for (name, slot), value in pairs})


def test_the_nets_of_the_example_give_the_same():
    torch.manual_seed(0)
    generator, critic = by_the_example()
    model = dcgan(channels=3, size=64)
    copied(generator, model.generator)
    nn.init.zeros_(model.critic.score.bias)
    tensors = [*critic.state_dict().values(), model.critic.score.bias]
    names = model.critic.state_dict()
    pairs = zip(names.items(), tensors, strict=True)
    model.critic.load_state_dict({n: v.reshape(slot.shape) for (n, slot), v in pairs})
    latent = torch.randn(2, 100)
    pictures = generator(latent[:, :, None, None])
    torch.testing.assert_close(model(latent), pictures, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        model.critic(pictures), critic(pictures).flatten(), rtol=1e-4, atol=1e-4
    )
    assert sum(p.numel() for p in model.generator.parameters()) == 3_576_704
    assert sum(p.numel() for p in model.critic.parameters()) == 2_765_568 + 1  # one bias more


@pytest.mark.parametrize(
    ("size", "side", "stages"), [(8, 4, 1), (28, 7, 2), (32, 4, 3), (30, 15, 1)]
)
def test_pictures_have_the_size_asked_for(size, side, stages):
    model = dcgan(channels=1, size=size, latent=5, width=4)
    assert model(torch.zeros(2, 5)).shape == (2, 1, size, size)
    assert model.critic.features(torch.zeros(2, 1, size, size)).shape == (
        2,
        4 * 2 ** (stages - 1) * side**2,
    )


@pytest.mark.parametrize("size", [6, 7, 31, 0])
def test_a_size_that_cannot_be_halved_is_refused(size):
    with pytest.raises(UserError, match=f"size={size}"):
        dcgan(channels=1, size=size)


def test_weights_begin_as_the_paper_says():
    torch.manual_seed(0)
    model = dcgan(channels=3, size=32)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convolutions) == 7
    for layer in convolutions:
        weight = layer.weight.detach()
        assert abs(float(weight.std()) - 0.02) < 0.001
        assert abs(float(weight.mean())) < 0.002
    norms = torch.cat([m.weight.detach() for m in model.modules() if isinstance(m, nn.BatchNorm2d)])
    assert abs(float(norms.mean()) - 1) < 0.002 and abs(float(norms.std()) - 0.02) < 0.002
