import pytest
import torch

from tilth.nn.entity_embedding import EntityEmbedding, embedding_width


@pytest.mark.parametrize(
    # fastai: min(600, round(1.6 * n_cat ** 0.56)), worked out with 50 digits
    ("cardinality", "width"),
    [(1, 2), (2, 2), (3, 3), (7, 5), (16, 8), (42, 13), (100, 21), (1000, 77), (50_000, 600)],
)
def test_widths_follow_the_rule(cardinality, width):
    assert embedding_width(cardinality) == width


def test_lookup_is_a_product_with_one_hot_rows_and_so_is_its_gradient():
    embedding = EntityEmbedding([3, 6])
    categories = torch.tensor([[0, 5], [2, 5], [1, 0], [2, 1]])
    tables = [table.weight.detach().clone().requires_grad_() for table in embedding.tables]
    expected = torch.cat(
        [torch.eye(n)[categories[:, i]] @ tables[i] for i, n in enumerate((3, 6))], dim=1
    )
    seen = embedding(categories)
    assert torch.equal(seen, expected)
    weights = torch.randn_like(seen)
    (seen * weights).sum().backward()
    (expected * weights).sum().backward()
    for table, other in zip(embedding.tables, tables, strict=True):
        torch.testing.assert_close(table.weight.grad, other.grad)


def test_vectors_start_small_and_the_unknown_one_at_zero():
    (table,) = EntityEmbedding([5000]).tables
    assert not table.weight[0].any()
    assert 0.009 < table.weight[1:].std() < 0.0101
    assert table.weight.abs().max() < 2.0
