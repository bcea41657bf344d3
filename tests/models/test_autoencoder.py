"""An autoencoder without layers between is PCA."""

import numpy as np
import torch
from sklearn.decomposition import PCA

from tilth.contracts import BaseSource, Batch, Player
from tilth.models.autoencoder import autoencoder
from tilth.objectives.autoencode import Autoencode
from tilth.train.loop import Loop
from tilth.train.schedules import flat_cosine

CASE = {
    "arguments": {"shape": (1, 8, 8), "latents": 3, "blocks": "convolutional", "layers": (4, 6)},
    "inputs": lambda rows: torch.randn(rows, 1, 8, 8, generator=torch.Generator().manual_seed(1)),
    "call": lambda model, inputs: model(inputs).flatten(1),
}


SCALES = (1.0, 0.8, 0.3, 0.25, 0.2, 0.15)


def made_rows(count=200):
    """Return rows of six numbers that vary in two turned directions more than in the others."""
    generator = torch.Generator().manual_seed(3)
    mix, rows = (
        torch.randn(n, len(SCALES), generator=generator, dtype=torch.float64)
        for n in (len(SCALES), count)
    )
    return rows * torch.tensor(SCALES) @ torch.linalg.qr(mix).Q + 0.5


class OneBatch(BaseSource):
    def __init__(self, rows):
        self.batch = Batch(rows, torch.zeros(len(rows)), torch.arange(len(rows)))

    def next(self, model, context):
        return self.batch


def test_a_linear_one_learns_the_plane_of_pca():
    rows = made_rows()
    pca = PCA(2).fit(rows.numpy())
    wanted = ((pca.inverse_transform(pca.transform(rows.numpy())) - rows.numpy()) ** 2).mean()
    net = autoencoder(shape=(6,), latents=2, layers=()).double()
    trained = list(net.parameters())
    player = Player(trained, torch.optim.Adam(trained, 0.05), flat_cosine(0.3))
    Loop(net, [Autoencode()], OneBatch(rows), {"model": player}, total_steps=600).fit()
    found = (net(rows) - rows).square().mean().item()
    assert wanted - 1e-12 < found < wanted + 1e-6
    span = np.linalg.svd(net.decoder[0].weight.detach().numpy(), full_matrices=False)[0]
    angles = np.linalg.svd(span.T @ pca.components_.T)[1]  # cosines between the two planes
    np.testing.assert_allclose(angles, 1, atol=1e-4)


def test_it_codes_and_decodes():
    net = autoencoder(shape=(2, 6, 6), latents=3, blocks="convolutional", layers=(4,))
    rows = torch.randn(5, 2, 6, 6)
    codes = net.encode(rows)
    torch.testing.assert_close(codes, net.encoder(rows), rtol=0, atol=0)
    torch.testing.assert_close(net(rows), net.decode(codes), rtol=0, atol=0)
    assert len({id(p) for p in net.parameters()}) == len(
        [*net.encoder.parameters(), *net.decoder.parameters()]
    )
