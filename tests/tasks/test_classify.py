"""Metrics and decoding of classes, against scikit-learn and closed forms."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics as theirs

import tilth as tl
from tilth.data.dataset import Target
from tilth.errors import UserError
from tilth.tasks import Metric, score
from tilth.tasks.classify import classify

THREE = Target("kind", "classes", ("a", "b", "c"))
TWO = Target("kind", "classes", ("no", "yes"))


def case(count):
    """Return a target, encoded targets and the outputs of a net that knows them."""
    target = Target("kind", "classes", tuple("abcdef"[:count]))
    targets = torch.arange(60) % count
    return target, targets, 20.0 * F.one_hot(targets, count).float()


CASES = {"two": lambda: case(2), "five": lambda: case(5)}
"""What tests/contracts/test_tasks.py holds this task to."""
INPUTS = np.random.default_rng(0).normal(size=(120, 3))
LEARNER = functools.partial(
    tl.Learner, tl.arrays(INPUTS, np.where(INPUTS[:, 0] > 0, "right", "left")), epochs=2, lr=0.01
)


@pytest.fixture
def answers():
    stream = torch.Generator().manual_seed(0)
    return torch.randn(200, 3, generator=stream), torch.randint(0, 3, (200,), generator=stream)


def test_class_metrics_are_scikit_learns(answers):
    logits, classes = answers
    found = score(classify(target=THREE), logits, classes)
    chances = F.softmax(logits.double(), 1).numpy()
    said, true = chances.argmax(1), classes.numpy()
    assert found["accuracy"] == theirs.accuracy_score(true, said)
    assert found["balanced_accuracy"] == pytest.approx(theirs.balanced_accuracy_score(true, said))
    assert found["f1_macro"] == pytest.approx(theirs.f1_score(true, said, average="macro"))
    assert found["log_loss"] == pytest.approx(theirs.log_loss(true, chances))


def test_auc_and_what_decides_where_one_class_is_rare(answers):
    logits, classes = answers[0][:, :2], (answers[1] == 1).long()
    rare = classify(target=TWO, shares=(0.8, 0.2))
    found = score(rare, logits, classes)
    chances = F.softmax(logits.double(), 1).numpy()[:, 1]
    assert found["auc"] == pytest.approx(theirs.roc_auc_score(classes.numpy(), chances))
    assert rare.main_metric == "auc"
    assert classify(target=TWO, shares=(0.6, 0.4)).main_metric == "accuracy"
    assert classify(target=TWO, shares=(0.8, 0.2), metrics=["f1_macro"]).main_metric == "f1_macro"


def test_temperature_divides_the_logits(answers):
    logits, _ = answers
    found = classify(target=THREE).decode(logits, temperature=2.5).values
    wanted = np.exp(logits.double().numpy() / 2.5)
    assert np.allclose(found, wanted / wanted.sum(1, keepdims=True))


def test_row_losses_are_what_is_trained_on_without_smoothing(answers):
    logits, classes = answers
    rows = classify(target=THREE, label_smoothing=0.1).row_losses(logits, classes)
    assert float(rows.mean()) == pytest.approx(float(F.cross_entropy(logits, classes)), rel=1e-6)


def test_own_metrics_join_and_misspelt_names_do_not():
    def share_of_a(chances, classes):
        return float((chances.argmax(1) == 0).mean())

    task = classify(target=THREE, metrics=[share_of_a, Metric("errors", lambda p, t: 1.0, "min")])
    assert task.main_metric == "share_of_a"
    assert task.metrics["errors"].mode == "min"
    with pytest.raises(UserError, match="did you mean 'accuracy'"):
        classify(target=THREE, metrics=["acuracy"])
    with pytest.raises(UserError, match="unknown metric 'auc'"):
        classify(target=THREE, metrics=["auc"])


@pytest.mark.parametrize("name", ["accuracy", "auc", "rmse"])
def test_own_metrics_do_not_take_the_names_of_built_in_ones(name):
    with pytest.raises(UserError, match=f"called '{name}', which is a built-in.*my_{name}"):
        classify(target=THREE, metrics=[Metric(name, lambda p, t: 95.0)])
    function = lambda p, t: 95.0  # noqa: E731
    function.__name__ = name
    with pytest.raises(UserError, match=f"called '{name}'"):
        classify(target=THREE, metrics=[function])


def test_own_metrics_have_names_that_differ():
    import functools

    nameless = functools.partial(lambda p, t, scale: scale, scale=2.0)
    with pytest.raises(UserError, match=r"has no name; .*tl.Metric\('my_metric'"):
        classify(target=THREE, metrics=[nameless])
    cost = Metric("cost", nameless, "min")
    with pytest.raises(UserError, match="'cost', which is given twice"):
        classify(target=THREE, metrics=[cost, cost])
    assert classify(target=THREE, metrics=[cost]).main_metric == "cost"


def test_one_metric_needs_no_list():
    assert classify(target=THREE, metrics="f1_macro").main_metric == "f1_macro"
    assert classify(target=THREE, metrics=Metric("cost", lambda p, t: 1.0)).main_metric == "cost"
    with pytest.raises(UserError, match="unknown metric 'acuracy'"):
        classify(target=THREE, metrics="acuracy")
