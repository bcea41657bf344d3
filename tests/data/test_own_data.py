"""The user's own data sets: what is random in them is keyed by seed, phase, epoch and row."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

import tilth as tl
from tilth.data.own_targets import item_target
from tilth.data.source import DatasetSource
from tilth.errors import UserError


class Noisy(Dataset):
    """Forty rows whose inputs hold a draw of each global stream beside their number."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        draws = [torch.rand(1).item(), np.random.rand(), random.random()]  # noqa: NPY002
        return torch.tensor([float(index), *draws]), index % 2


class Plain(Dataset):
    """Rows of fixed numbers; ``changed`` holds another number in one row."""

    def __init__(self, rows=1000, changed=None):
        self.rows, self.changed = rows, changed

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        return torch.tensor([float(index), 9.0 if index == self.changed else 1.0]), index % 2


def batches(data, seed, count=12):
    """Row -> inputs for each of ``count`` batches of a training source."""
    source = DatasetSource(
        data.store,
        data.targets,
        data.splits["train"],
        7,
        prepare=data.prepare(train=True, seed=seed),
        seed=seed,
    )
    model = torch.nn.Identity()
    context = type("Context", (), {"rank": 0, "world": 1})()
    found = []
    for _ in range(count):
        batch = source.next(model, context)
        found.append(dict(zip(batch.rows.tolist(), batch.inputs.tolist(), strict=True)))
    return found


def draws_of(found, row):
    return [batch[row] for batch in found if row in batch]


def test_random_items_follow_the_seed_of_the_training_and_the_epoch():
    data = tl.dataset(Noisy())
    row = int(data.splits["train"][3])
    zero, again, one = batches(data, 0), batches(data, 0), batches(data, 1)
    assert zero == again
    first, second = draws_of(zero, row)[:2]
    assert first[0] == second[0] == row
    assert all(a != b for a, b in zip(first[1:], second[1:], strict=True))  # two epochs
    other = draws_of(one, row)[0]
    assert all(a != b for a, b in zip(first[1:], other[1:], strict=True))  # two seeds


def test_the_learner_gives_each_phase_and_seed_its_own_draws():
    data = tl.dataset(Noisy())
    row = int(data.splits["train"][3])
    found = {}
    for seed in (0, 1):
        learner = tl.Learner(
            data, torch.nn.Linear(4, 2), seed=seed, quiet=True, batch_size=7, device="cpu"
        )
        for phase in (0, 1):
            store = learner.parts(phase=phase).source.store
            found[seed, phase] = tuple(store.take(torch.tensor([row]))[0][0].tolist())
            assert store.take(torch.tensor([row]))[0][0].tolist() == list(found[seed, phase])
    assert len(set(found.values())) == 4


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_random_items_are_the_same_for_any_number_of_workers(workers):
    alone = batches(tl.dataset(Noisy(), workers=0), 3)
    data = tl.dataset(Noisy(), workers=workers)
    assert batches(data, 3) == alone
    data.store.close()


def test_another_split_seed_changes_no_draw():
    one, other = tl.dataset(Noisy()), tl.dataset(Noisy(), split_seed=1)
    row = torch.tensor([0])
    assert torch.equal(one.store.take(row)[0], other.store.take(row)[0])


def test_reading_and_the_fingerprint_leave_the_global_streams_alone():
    torch.manual_seed(4)
    np.random.seed(4)  # noqa: NPY002
    random.seed(4)
    expected = torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002
    torch.manual_seed(4)
    np.random.seed(4)  # noqa: NPY002
    random.seed(4)
    data = tl.dataset(Noisy())
    data.fingerprint()
    data.model_arguments()
    data.show_item(0)
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected  # noqa: NPY002


def test_the_fingerprint_of_random_items_can_be_repeated():
    torch.manual_seed(1)
    first = tl.dataset(Noisy()).fingerprint()
    torch.manual_seed(2)
    assert tl.dataset(Noisy()).fingerprint() == first


def test_the_fingerprint_looks_at_64_items_and_says_so():
    rows = np.linspace(0, 999, 64).astype(int)
    data = tl.dataset(Plain())
    assert tl.dataset(Plain()).fingerprint() == data.fingerprint()
    for row in (rows[0], rows[17], rows[-1]):
        assert tl.dataset(Plain(changed=row)).fingerprint() != data.fingerprint()
    assert any("64 items, evenly spaced" in note for note in data.notes)
    assert any("7 items" in note for note in tl.dataset(Plain(7)).notes)


def test_the_fingerprint_takes_any_number_type_and_arrays():
    class Mixed(Dataset):
        def __init__(self, value):
            self.value = value

        def __len__(self):
            return 20

        def __getitem__(self, index):
            half = torch.tensor(self.value, dtype=torch.bfloat16, requires_grad=True)
            return {"half": half, "array": np.full(2, self.value)}, index % 2

    assert tl.dataset(Mixed(1.0)).fingerprint() != tl.dataset(Mixed(2.0)).fingerprint()


def test_an_item_that_is_no_pair_is_told():
    with pytest.raises(UserError, match=r"an item of type Tensor.*pair.*Fix: return inputs and"):
        item_target(torch.zeros(3))


def test_a_loader_whose_sampler_means_something_is_refused():
    loader = DataLoader(Plain(20), sampler=WeightedRandomSampler([1.0] * 20, 20))
    with pytest.raises(UserError, match="WeightedRandomSampler"):
        tl.dataset(loader)


class Listed(Dataset):
    """Items of given targets; the inputs are a column of the row's number."""

    def __init__(self, targets):
        self.targets = targets

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return torch.full((2,), float(index)), self.targets[index]


def counts(data, split):
    return torch.bincount(data.targets[data.splits[split]], minlength=3).tolist()


def test_a_valid_in_order_of_classes_is_divided_within_each_class():
    ordered = [0] * 30 + [1] * 30 + [2] * 30
    data = tl.dataset(Listed([0, 1, 2] * 40), Listed(ordered))
    assert counts(data, "valid") == [20, 20, 20]
    assert counts(data, "calibrate") == [10, 10, 10]
    given = sorted([*data.splits["valid"], *data.splits["calibrate"]])
    assert given == list(range(120, 210))


def test_a_valid_of_one_item_is_kept_as_valid():
    data = tl.dataset(Listed([0, 1] * 20), Listed([1]), Listed([0, 1]))
    assert data.splits["valid"].tolist() == [40]
    assert data.splits["test"].tolist() == [41, 42]


def test_other_splits_of_numbers_have_the_statistics_of_their_training_items():
    values = [float(v) for v in np.random.default_rng(0).normal(5, 3, 40)]
    data = tl.dataset(Listed(values))
    other = data.with_splits({**data.splits, "train": np.arange(7), "test": np.arange(7, 40)})
    assert other.target.mean == pytest.approx(np.mean(values[:7]))
    assert other.target.scale == pytest.approx(np.std(values[:7]))
    back = other.targets.double() * other.target.scale + other.target.mean
    assert back.tolist() == pytest.approx(values, abs=1e-5)
    assert data.target.mean == pytest.approx(np.mean([values[i] for i in data.splits["train"]]))


def test_a_class_that_only_valid_has_is_no_output_and_is_told():
    data = tl.dataset(Listed(["a", "b"] * 20), Listed(["a", "b", "c", "c"] * 3))
    assert data.target.labels == ("a", "b")
    rows = np.concatenate(list(data.splits.values()))
    assert data.targets[torch.from_numpy(rows)].min() == 0
    assert len(data.splits["valid"]) + len(data.splits["calibrate"]) == 6
    assert any("'c' 6" in note for note in data.notes)
    assert "unseen_label" in [finding.code for finding in data.findings()]


def test_uneven_classes_are_found():
    data = tl.dataset(Listed([0] * 100 + [1] * 5))
    assert {"imbalance", "tiny_class"} <= {finding.code for finding in data.findings()}


def test_ids_of_runs_hold_the_targets():
    rows = np.arange(20)
    one, other = tl.dataset(Listed([0, 1] * 10)), tl.dataset(Listed([1, 0] * 10))
    assert not (one.id_keys(rows) == other.id_keys(rows)).any()
    assert (one.id_keys(rows) == tl.dataset(Listed([0, 1] * 10)).id_keys(rows)).all()


def test_no_items_are_an_empty_batch():
    batch = tl.dataset(Listed([0, 1] * 10)).store.take(torch.empty(0, dtype=torch.int64))
    assert [tuple(leaf.shape) for leaf in batch] == [(0, 2), (0,)]
