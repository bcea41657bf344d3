import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.models.gans import LABELS, gan_case
from tilth.models.resnet_gan import CriticBlock, FirstCriticBlock, GeneratorBlock, resnet_gan

CASE = gan_case(size=8, width=4)


def settled(net):
    """Let the power iteration end, and freeze it."""
    for _ in range(200):
        net.train()
        for module in net.modules():
            if hasattr(module, "parametrizations"):
                _ = module.weight
    return net.eval()


def normed(layer):
    """Return a weight divided by its largest singular value, found by SVD."""
    weight = layer.parametrizations.weight.original
    return weight / torch.linalg.svdvals(weight.flatten(1))[0]


def by_hand(layer, x):
    padding = layer.kernel_size[0] // 2
    return F.conv2d(x, normed(layer), layer.bias, padding=padding)


def test_every_weight_of_the_critic_has_the_norm_one():
    torch.manual_seed(0)
    critic = settled(resnet_gan(**CASE["arguments"]).critic)
    layers = [m for m in critic.modules() if hasattr(m, "parametrizations")]
    assert len(layers) == 12  # 3 + 3 + 2 + 2 convolutions, the score, the embedding
    for layer in layers:
        largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]
        assert abs(float(largest) - 1) < 1e-3
        torch.testing.assert_close(layer.weight, normed(layer), rtol=1e-3, atol=1e-5)
    plain = [m for m in critic.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.Embedding)]
    assert len(plain) == len(layers)


@pytest.mark.parametrize("halve", [True, False])
def test_the_critics_blocks_written_out(halve):
    torch.manual_seed(1)
    block = settled(CriticBlock(4, halve=halve))
    x = torch.randn(3, 4, 6, 6)
    inner = by_hand(block.second, by_hand(block.first, x.relu()).relu())
    wanted = x + inner
    if halve:
        pooled = by_hand(block.beside, x) + inner
        wanted = pooled.unfold(2, 2, 2).unfold(3, 2, 2).mean((-2, -1))
    torch.testing.assert_close(block(x), wanted, rtol=1e-3, atol=1e-4)


def test_the_critics_first_block_takes_the_picture_as_it_is():
    torch.manual_seed(1)
    block = settled(FirstCriticBlock(2, 4))
    x = torch.randn(3, 2, 6, 6)
    inner = by_hand(block.second, by_hand(block.first, x).relu())
    wanted = F.avg_pool2d(inner + by_hand(block.beside, x), 2)  # 1 x 1 and averaging commute
    torch.testing.assert_close(block(x), wanted, rtol=1e-3, atol=1e-4)


def test_the_generators_block_written_out():
    """Batch statistics by hand, a gain and a bias per class."""
    torch.manual_seed(2)
    block = GeneratorBlock(4, classes=3).double()
    for norm in (block.first_norm, block.second_norm):
        nn.init.normal_(norm.gain.weight)
        nn.init.normal_(norm.bias.weight)
    x = torch.randn(12, 4, 3, 3, dtype=torch.float64)

    def scaled(norm, x):
        centred = x - x.mean((0, 2, 3), keepdim=True)
        variance = centred.square().mean((0, 2, 3), keepdim=True)
        gain, bias = norm.gain.weight[LABELS], norm.bias.weight[LABELS]
        whitened = centred / (variance + 1e-5).sqrt()
        return (whitened * gain[:, :, None, None] + bias[:, :, None, None]).relu()

    def doubled(x):
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    inner = F.conv2d(
        doubled(scaled(block.first_norm, x)), block.first.weight, block.first.bias, padding=1
    )
    inner = F.conv2d(
        scaled(block.second_norm, inner), block.second.weight, block.second.bias, padding=1
    )
    beside = doubled(F.conv2d(x, block.beside.weight, block.beside.bias))
    torch.testing.assert_close(block(x, LABELS), inner + beside)


@pytest.mark.parametrize(("size", "blocks"), [(28, 2), (32, 3)])
def test_pictures_have_the_size_asked_for(size, blocks):
    model = resnet_gan(channels=3, size=size, latent=4, width=4)
    pictures = model(torch.randn(2, 4)).detach()
    assert pictures.shape == (2, 3, size, size) and float(pictures.abs().max()) <= 1
    assert len(model.generator.blocks) == blocks


def test_the_critic_of_the_paper_by_its_count():
    """Miyato et al. 2018, table 4, for 32 px: four blocks of 128 channels, a dense 128 -> 1."""
    conv = 128 * 128 * 9 + 128
    first = (3 * 128 * 9 + 128) + conv + (3 * 128 + 128)
    second = 2 * conv + 128 * 128 + 128
    model = resnet_gan(channels=3, size=32)
    assert sum(p.numel() for p in model.critic.parameters()) == first + second + 4 * conv + 129
