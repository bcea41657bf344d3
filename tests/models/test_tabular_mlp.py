import pytest
import torch
import torch.nn.functional as F

from tilth.errors import UserError
from tilth.models.tabular_mlp import tabular_mlp


def table(rows: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    categories = torch.stack([torch.randint(0, 5, (rows,)), torch.randint(0, 9, (rows,))], dim=1)
    return torch.randn(rows, 3) * 4 + 2, categories


def periodic(numbers, weights, i):
    """Gorishniy et al. 2022, equations of section 3.3, for one number."""
    angles = 2 * torch.pi * numbers[:, i, None] * weights["body.periodic.frequencies"][i]
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    linear = waves @ weights["body.periodic.weight"][i] + weights["body.periodic.bias"][i]
    return linear.relu()


def test_it_computes_what_its_weights_say():
    """Embeddings by one-hot products; batch norm from the definition (Ioffe and Szegedy 2015)."""
    net = tabular_mlp(
        num_numbers=3,
        cardinalities=[5, 9],
        outputs=2,
        layers=(7, 4),
        dropout=0,
        embedding_dropout=0,
    ).double()
    numbers, categories = table()
    numbers = numbers.double()
    weights = dict(net.named_parameters())

    def normed(x, name):
        scaled = (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    parts = [
        F.one_hot(categories[:, i], n).double() @ weights[f"body.embedding.tables.{i}.weight"]
        for i, n in enumerate((5, 9))
    ]
    waves = [periodic(numbers, weights, i) for i in range(3)]
    x = torch.cat([*parts, normed(numbers, "body.norm"), *waves], dim=1)
    for step in (0, 4):
        x = normed((x @ weights[f"body.layers.{step}.weight"].T).relu(), f"body.layers.{step + 2}")
    expected = x @ weights["head.weight"].T + weights["head.bias"]
    torch.testing.assert_close(net((numbers, categories)), expected)


def test_a_category_that_was_never_seen_adds_nothing_at_first():
    net = tabular_mlp(num_numbers=1, cardinalities=[4], outputs=1)
    assert torch.equal(net.body.embedding(torch.tensor([[0]])), torch.zeros(1, 3))


def test_dropout_is_on_the_embeddings_where_asked_for():
    net = tabular_mlp(
        num_numbers=3,
        cardinalities=[5, 9],
        outputs=1,
        layers=(),
        embedding_dropout=0.5,
        frequencies=0,
    )
    seen = net.body(table(4000))
    dropped = (seen == 0).double().mean(0)
    embedded = net.body.embedding.width
    torch.testing.assert_close(dropped[embedded:], torch.zeros(3).double())
    assert (dropped[:embedded] > 0.4).all()


@pytest.mark.parametrize(("num_numbers", "cardinalities"), [(3, []), (0, [5, 9])])
def test_tables_of_one_kind_of_column_work(num_numbers, cardinalities):
    net = tabular_mlp(num_numbers=num_numbers, cardinalities=cardinalities, outputs=1, layers=(8,))
    numbers, categories = table()
    numbers, categories = numbers[:, :num_numbers], categories[:, : len(cardinalities)]
    answer = net.eval()((numbers, categories))
    assert answer.shape == (16, 1)
    assert (net((numbers + 1, (categories + 1) % 5)) - answer).abs().min() > 0


def test_a_table_without_columns_is_refused():
    with pytest.raises(UserError, match="a table without columns"):
        tabular_mlp(num_numbers=0, cardinalities=[], outputs=1)
    with pytest.raises(UserError, match="number 0 is the unknown category"):
        tabular_mlp(num_numbers=0, cardinalities=[0], outputs=1)
