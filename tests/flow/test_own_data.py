"""Own data sets from training to a loaded model."""

import pytest
import torch
from torch.utils.data import Dataset, default_collate

import tilth as tl
from tests.cli.calling import call
from tilth.errors import UserError


class Ten(Dataset):
    """Ten items: their calibrate split has no row."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return torch.full((2,), float(index)), index % 2


class Flat(torch.nn.Module):
    """A network that cannot take a batch of no rows, as many cannot."""

    def __init__(self, outputs=2):
        super().__init__()
        self.last = torch.nn.Linear(2, outputs)

    def forward(self, inputs):
        return self.last(inputs.view(inputs.size(0), -1))


def doubled(items):
    """Collate, with inputs twice as large."""
    batch = default_collate(items)
    return [2 * batch[0], batch[1]] if isinstance(batch, list) else 2 * batch


class Doubled:
    """The same as an object."""

    def __call__(self, items):
        return doubled(items)


def trained(tmp_path, collate):
    data = tl.dataset(Ten(), collate=collate)
    learner = tl.Learner(
        data, Flat(), run=tmp_path / "run", epochs=1, batch_size=3, device="cpu", quiet=True
    )
    run = learner.fit()
    return learner, run


def test_few_items_without_a_calibrate_split_are_judged(tmp_path):
    learner, run = trained(tmp_path, None)
    assert len(learner.data.splits["calibrate"]) == 0
    assert run.audit()["temperature"]["value"] == 1.0


@pytest.mark.parametrize("collate", [doubled, Doubled()])
def test_a_bundle_asks_for_the_collate_that_it_was_trained_with(tmp_path, collate):
    learner, run = trained(tmp_path, collate)
    bundle = run.export(tmp_path / "bundle")
    with pytest.raises(UserError, match=r"collated by '(d|D)oubled'.*plugins=\[\.\.\., "):
        tl.load(bundle, plugins=[Flat()])
    loaded = tl.load(bundle, plugins=[Flat(), collate])
    row = torch.tensor([1.0, 3.0])
    with torch.no_grad():
        expected = learner.model.eval()(2 * row[None]).softmax(1)[0].max()
    found = loaded.predict([row])[0]
    assert found.probability == pytest.approx(float(expected), abs=1e-5)


def test_a_bundle_of_torchs_collate_asks_for_nothing(tmp_path):
    _, run = trained(tmp_path, None)
    tl.load(run.export(tmp_path / "bundle"), plugins=[Flat()])


def test_the_next_step_is_one_that_works_with_own_code(tmp_path, capsys):
    def make(data, seed):
        return tl.Learner(data, Flat(), seed=seed, epochs=1, lr=0.01, batch_size=3, device="cpu")

    data = tl.dataset(Ten(), collate=doubled)
    tl.repeat(make, data, seeds=[0, 1], run=tmp_path / "run")
    said = capsys.readouterr().err
    bundle = tmp_path / "run-seed1" / "model"
    line = f'tl.load("{bundle}", plugins=[Flat(...), doubled]).predict([ITEM, ...])'
    assert f"Next: {line}\n" in said
    assert "tilth predict" not in said
    runs = line.replace("Flat(...)", "Flat()").replace("ITEM, ...", "torch.ones(2)")
    assert len(eval(runs)) == 1
    assert "plugins=[Flat(...), doubled])" in (bundle / "README.md").read_text()
    run = tmp_path / "run-seed1"
    report = (run / "report.html").read_text()
    assert "plugins=[Flat(...), doubled])" in report and "tilth predict" not in report
    assert "doubled]).predict" in call("export", run, tmp_path / "kept")[2]


def test_an_array_of_items_is_taken_as_items(tmp_path):
    learner, run = trained(tmp_path, None)
    loaded = tl.load(run.export(), plugins=[Flat()])
    rows = torch.tensor([[1.0, 3.0], [-2.0, 0.5], [0.0, 4.0]])
    with torch.no_grad():
        expected = learner.model.eval()(rows).argmax(1).tolist()
    for asked in (rows, rows.numpy(), list(rows)):
        assert [int(one.label) for one in loaded.predict(asked)] == expected
    assert int(loaded.predict(rows[1]).label) == expected[1]
