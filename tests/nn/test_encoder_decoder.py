import pytest
import torch
import torch.nn.functional as F

from tilth.errors import UserError
from tilth.nn.encoder_decoder import encoder_decoder


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_dense_blocks_compute_what_their_weights_say():
    encoder, decoder = encoder_decoder((2, 3, 1), 4, 2, layers=(7, 5))
    rows, (a, a0, b, b0, c, c0) = torch.randn(3, 2, 3, 1), encoder.parameters()
    hidden = ((rows.reshape(3, 6) @ a.T + a0).relu() @ b.T + b0).relu()
    torch.testing.assert_close(encoder(rows), hidden @ c.T + c0)
    codes, (a, a0, b, b0, c, c0) = torch.randn(3, 2), decoder.parameters()
    hidden = ((codes @ a.T + a0).relu() @ b.T + b0).relu()
    torch.testing.assert_close(decoder(codes), (hidden @ c.T + c0).reshape(3, 2, 3, 1))
    assert [a.shape, b.shape, c.shape] == [(5, 2), (7, 5), (6, 7)]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (7, 10), (5, 4)])
def test_convolutions_halve_and_give_the_very_size_back(height, width):
    encoder, decoder = encoder_decoder(
        (3, height, width), 4, 2, blocks="convolutional", layers=(6, 5)
    )
    inner = 5 * (height // 4) * (width // 4)
    assert size(encoder) == (3 * 16 + 1) * 6 + (6 * 16 + 1) * 5 + (inner + 1) * 4
    assert size(decoder) == (2 + 1) * inner + 5 * 6 * 16 + 6 + 6 * 3 * 16 + 3
    assert decoder(encoder(torch.zeros(2, 3, height, width))[:, :2]).shape == (2, 3, height, width)


def test_convolutions_compute_what_their_weights_say():
    encoder, decoder = encoder_decoder((1, 8, 9), 4, 2, blocks="convolutional", layers=(3, 2))
    rows, (a, a0, b, b0, c, c0) = torch.randn(2, 1, 8, 9), encoder.parameters()
    hidden = F.conv2d(F.conv2d(rows, a, a0, 2, 1).relu(), b, b0, 2, 1).relu()
    torch.testing.assert_close(encoder(rows), F.linear(hidden.reshape(2, -1), c, c0))
    codes, (a, a0, b, b0, c, c0) = torch.randn(2, 2), decoder.parameters()
    hidden = F.linear(codes, a, a0).reshape(2, 2, 2, 2).relu()
    hidden = F.conv_transpose2d(hidden, b, b0, 2, 1).relu()  # 2 x 2 to 4 x 4
    wanted = F.conv_transpose2d(hidden, c, c0, 2, 1, output_padding=(0, 1))
    torch.testing.assert_close(decoder(codes), wanted)


@pytest.mark.parametrize(
    ("shape", "more", "said"),
    [
        ((8, 8), {}, r"shape=\(8, 8\); shape is \(numbers,\) or"),
        ((0,), {}, r"shape=\(0,\)"),
        ((64,), {"blocks": "convolutional"}, r"with 2 convolutional layers; rows are \(channels"),
        ((1, 8, 7), {"blocks": "convolutional", "layers": (4, 4, 4)}, "use fewer layers"),
        ((1, 8, 8), {"blocks": "convolutional", "layers": ()}, "with 0 convolutional"),
        ((64,), {"blocks": "denes"}, "did you mean 'dense'"),
    ],
)
def test_what_cannot_be_built_is_told(shape, more, said):
    with pytest.raises(UserError, match=said):
        encoder_decoder(shape, 4, 2, **more)
