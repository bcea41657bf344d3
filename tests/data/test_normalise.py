from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from tilth.data.normalise import normalise


@given(st.integers(0, 2**31), st.integers(1, 9), st.sampled_from([1, 3]))
def test_a_picture_gives_the_same_bits_alone_and_in_any_batch(seed: int, rows: int, channels: int):
    generator = torch.Generator().manual_seed(seed)
    raw = torch.randint(0, 256, (rows, channels, 5, 7), generator=generator, dtype=torch.uint8)
    mean, std = torch.rand(2, channels, generator=generator) * 255 + 1
    batch = normalise(raw, mean, std)
    for row in range(rows):
        assert torch.equal(normalise(raw[row : row + 1], mean, std)[0], batch[row])
    exact = (raw.double() - mean.double()[:, None, None]) / std.double()[:, None, None]
    torch.testing.assert_close(batch.double(), exact, rtol=1e-6, atol=1e-6)


def test_floats_are_left_as_they_are():
    raw = torch.rand(2, 1, 3, 3)
    before = raw.clone()
    normalise(raw, torch.tensor([0.5]), torch.tensor([2.0]))
    assert torch.equal(raw, before)
