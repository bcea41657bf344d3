"""An autoencoder: rows to a few numbers and back (Hinton and Salakhutdinov 2006).

Departure from the paper: ReLU and one training of the whole net instead of sigmoids begun by
restricted Boltzmann machines.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tilth.nn.encoder_decoder import encoder_decoder


class Autoencoder(nn.Module):
    """``decode(encode(inputs))``; for a net that is one player, its parameters are all of it.

    encoder: [B, *shape] -> [B, latents]; decoder: [B, latents] -> [B, *shape]
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latents: int) -> None:
        super().__init__()
        self.encoder, self.decoder, self.latents = encoder, decoder, latents

    def encode(self, inputs: Tensor) -> Tensor:
        """Return the codes [B, latents] of rows."""
        codes: Tensor = self.encoder(inputs)
        return codes

    def decode(self, latents: Tensor) -> Tensor:
        """Return the rows [B, *shape] that codes stand for."""
        rows: Tensor = self.decoder(latents)
        return rows

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the rows as they come back, [B, *shape]."""
        return self.decode(self.encode(inputs))


def autoencoder(
    *,
    shape: Sequence[int],
    latents: int,
    blocks: str = "dense",
    layers: Sequence[int] | None = None,
) -> Autoencoder:
    """Return an autoencoder of ``latents`` numbers a row.

    shape: of one row, (numbers,) or (channels, height, width)
    blocks: "dense" or, for pictures, "convolutional"
    layers: widths from the rows inwards; None takes (512, 256) dense units or (32, 64) channels,
    and dense blocks with no layers are linear: such a net finds the plane of PCA (Baldi and
    Hornik 1989)

    >>> import torch
    >>> net = autoencoder(shape=(1, 8, 8), latents=2)
    >>> net.encode(torch.zeros(5, 1, 8, 8)).shape, net(torch.zeros(5, 1, 8, 8)).shape
    (torch.Size([5, 2]), torch.Size([5, 1, 8, 8]))
    """
    parts = encoder_decoder(shape, latents, latents, blocks=blocks, layers=layers)
    return Autoencoder(*parts, latents)
