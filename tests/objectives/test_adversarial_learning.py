"""Two players on mixtures whose modes are known, and on digits whose labels a net can read."""

import pytest
import torch

from tests.objectives.mixtures import GRID, GRID_SPREAD, RING, RING_SPREAD, Mixture, quality
from tilth.audit.collapse import collapse
from tilth.contracts import BaseSource, Batch, Player
from tilth.data.idx import read_idx
from tilth.data.noise import WithNoise
from tilth.models.dcgan import dcgan
from tilth.models.mlp_gan import mlp_gan
from tilth.models.two_conv import two_conv
from tilth.objectives.adversarial import CriticObjective, GeneratorObjective
from tilth.objectives.supervised import CrossEntropy, Supervised
from tilth.train.loop import Loop


def train(model, source, objectives, steps, *, lr, betas, falls=True):
    """Train with Adam; the rate falls over the second half where asked."""
    players = {
        name: Player(
            list(part.parameters()),
            torch.optim.Adam(part.parameters(), lr, betas=betas),
            (lambda at: (min(1.0, 2 * (1 - at)), None)) if falls else None,
        )
        for name, part in model.named_children()
    }
    Loop(model, objectives, source, players, total_steps=steps).fit()


@pytest.mark.slow
def test_a_ring_of_eight_gaussians_is_learned_whole():
    torch.manual_seed(0)
    model, generator = mlp_gan(latent=8, width=128), GeneratorObjective()
    source = WithNoise(Mixture(RING, RING_SPREAD), {"latent": (8,)})
    train(model, source, [CriticObjective(r1=0.5), generator], 4000, lr=1e-3, betas=(0.0, 0.99))
    latent = torch.randn(10_000, 8, generator=torch.Generator().manual_seed(99))
    points = generator.sample(model, latent)
    modes, share = quality(points, RING, RING_SPREAD, within=10)
    assert modes == 8
    assert share >= 0.7
    real = Mixture(RING, RING_SPREAD, rows=4000, seed=5).next(model, None).inputs
    found = collapse(real.double().numpy(), points.double().numpy())
    assert found.missing == 0


@pytest.mark.slow
def test_a_grid_of_25_gaussians_by_wgan_gp():
    torch.manual_seed(0)
    model = mlp_gan(width=256)
    objectives = [
        CriticObjective("wasserstein", gradient_penalty=0.1),
        GeneratorObjective("wasserstein", critic_steps=3, average_decay=0.99),
    ]
    source = WithNoise(Mixture(GRID, GRID_SPREAD), {"latent": (2,), "mix_uniform": ()})
    train(model, source, objectives, 6000, lr=1e-3, betas=(0.0, 0.9))
    latent = torch.randn(10_000, 2, generator=torch.Generator().manual_seed(99))
    modes, _ = quality(objectives[1].sample(model, latent), GRID, GRID_SPREAD, within=10)
    assert modes >= 24


class Digits(BaseSource):
    """Batches of 64 digits drawn at random, in [-1, 1]."""

    def __init__(self, folder, seed):
        pictures = torch.from_numpy(read_idx(folder / "train-images-idx3-ubyte.gz").copy())
        self.pictures = (pictures.float() / 127.5 - 1)[:, None]
        self.labels = torch.from_numpy(
            read_idx(folder / "train-labels-idx1-ubyte.gz").copy()
        ).long()
        self.stream = torch.Generator().manual_seed(seed)

    def next(self, model, context):
        rows = torch.randint(len(self.labels), (64,), generator=self.stream)
        return Batch(self.pictures[rows], self.labels[rows], rows)


@pytest.mark.slow
@pytest.mark.data
def test_digits_are_made_as_their_label_asks(data_folder):
    """As read by a net that was trained on the real ones."""
    torch.manual_seed(0)
    reader = two_conv(channels=1, size=28, outputs=10, width=16)
    player = Player(
        list(reader.parameters()),
        torch.optim.Adam(reader.parameters(), 2e-3),
        lambda at: (1 - at, None),
    )
    source = Digits(data_folder / "mnist", seed=0)
    Loop(reader, [Supervised(CrossEntropy())], source, {"model": player}, total_steps=1500).fit()
    torch.manual_seed(1)
    model = dcgan(channels=1, size=28, latent=64, classes=10, width=32)
    generator = GeneratorObjective(conditional=True, average_decay=0.99)
    objectives = [CriticObjective(conditional=True), generator]
    source = WithNoise(Digits(data_folder / "mnist", seed=1), {"latent": (64,)}, seed=1)
    train(model, source, objectives, 3000, lr=2e-4, betas=(0.5, 0.999), falls=False)
    labels = torch.arange(2000) % 10
    latent = torch.randn(2000, 64, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        read = reader.eval()(generator.sample(model, latent, labels)).argmax(1)
    assert float((read == labels).float().mean()) >= 0.95
