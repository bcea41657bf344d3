import torch

from tilth.nn.periodic_embedding import PeriodicEmbedding


def test_each_number_has_features_of_its_own():
    embedding = PeriodicEmbedding(3, frequencies=5, width=4)
    numbers = torch.randn(7, 3)
    seen = embedding(numbers)
    changed = embedding(numbers + torch.tensor([0.0, 1.0, 0.0]))
    same = torch.tensor([True] * 4 + [False] * 4 + [True] * 4)
    assert torch.equal(seen[:, same], changed[:, same])
    assert not torch.equal(seen[:, ~same], changed[:, ~same])


def test_whole_turns_change_nothing():
    embedding = PeriodicEmbedding(1, frequencies=2, width=6)
    with torch.no_grad():
        embedding.frequencies.copy_(torch.tensor([[0.5, 1.5]]))
    numbers = torch.linspace(-1, 1, 9)[:, None]
    torch.testing.assert_close(embedding(numbers), embedding(numbers + 2), rtol=1e-4, atol=1e-5)


def test_features_start_at_the_scale_of_standardised_numbers():
    torch.manual_seed(0)
    embedding = PeriodicEmbedding(50, width=64, scale=10.0)  # so fast that all phases are met
    seen = embedding(torch.randn(2000, 50))
    # ReLU of a number of variance 1 has mean square 1 / 2
    assert 0.4 < seen.square().mean() < 0.6
