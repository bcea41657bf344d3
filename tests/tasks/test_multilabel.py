"""Any number of labels: thresholds and scores against scikit-learn, and the whole flow."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import fbeta_score

import tilth as tl
from tilth.data.dataset import Target
from tilth.data.image_views import ImageViews
from tilth.errors import UserError
from tilth.tasks.multilabel import _OFFERED, best_threshold, multilabel, set_scores

SIGNS = Target("labels", "labels", ("red", "round", "old"))


def case():
    """Return a target, encoded targets and the outputs of a net that knows them."""
    targets = (torch.rand(60, 3, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    return SIGNS, targets, 40 * targets - 20


CASES = {"signs": case}
"""What tests/contracts/test_tasks.py holds this task to."""


def two_digits(rows=160):
    """Return pictures of two digits side by side, with both digits as labels."""
    found, draw = load_digits(), np.random.default_rng(0)
    pixels = np.round(found.images * (255 / 16)).astype(np.uint8)
    chosen = draw.integers(0, len(pixels), (rows, 2))
    there = np.zeros((rows, 10), dtype=np.int64)
    for side in (0, 1):
        there[np.arange(rows), found.target[chosen[:, side]]] = 1
    return tl.arrays(np.concatenate(list(pixels[chosen.T]), axis=2), there, task="multilabel")


LEARNER = functools.partial(tl.Learner, two_digits(), model_arguments={"width": 8}, epochs=2)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_scores_are_scikit_learn_s(beta):
    draw = np.random.default_rng(1)
    said, true = (draw.random((200, 5)) < 0.3 for _ in range(2))
    theirs = fbeta_score(true, said, beta=beta, average="samples", zero_division=1.0)
    both = (~said.any(axis=1)) & (~true.any(axis=1))
    assert both.any()  # nothing true and nothing said: right, where theirs is asked for one too
    ours = set_scores(said, true.astype(float), beta)
    assert ours[:, 0].mean() == pytest.approx(theirs)
    assert ours[:, 1].mean() == (said == true).all(axis=1).mean()


def test_the_threshold_is_the_best_of_those_tried():
    draw = np.random.default_rng(2)
    true = (draw.random((300, 4)) < 0.3).astype(float)
    chances = np.clip(0.35 * true + draw.normal(0.3, 0.2, true.shape), 0.01, 0.99)
    tried = [fbeta_score(true, chances >= one, beta=2, average="samples", zero_division=1.0)
             for one in _OFFERED]  # fmt: skip
    found = best_threshold(chances, true, 2.0)
    mine = fbeta_score(true, chances >= found, beta=2, average="samples", zero_division=1.0)
    assert mine == pytest.approx(max(tried)) and min(tried) < mine - 0.2


def test_the_loss_is_that_of_torch():
    task = multilabel(target=SIGNS)
    outputs, targets = torch.randn(7, 3), (torch.rand(7, 3) < 0.5).float()
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(outputs, targets)
    assert float(task.row_losses(outputs, targets).mean()) == pytest.approx(float(wanted))


def test_a_run_chooses_its_threshold_on_valid_and_its_bundle_says_by_it(tmp_path):
    learn = functools.partial(tl.Learner, two_digits(600), run=tmp_path / "run", quiet=True)
    run = learn(task_arguments={"beta": 2}, dtype="float32", epochs=8).fit()
    found = run.audit()
    assert found["main_metric"] == "f2"
    simple = max(one["metrics"]["f2"]["value"] for one in found["baselines"])
    assert found["test"]["f2"]["value"] > simple > 0.3
    predictor = tl.load(run.export())
    data = run.learner.data
    test = data.splits["test"]
    pixels = data.store.take(torch.from_numpy(test))[:, 0].numpy()
    answers = predictor.predict(list(pixels))
    threshold = found["decision"]["threshold"]
    said = np.array([[label in one.labels for label in predictor.labels] for one in answers])
    chances = np.array([list(one.probabilities.values()) for one in answers])
    assert np.array_equal(said, chances >= threshold) and threshold != 0.5
    true = data.targets.numpy()[test]
    theirs = fbeta_score(true, said, beta=2, average="samples", zero_division=1.0)
    assert theirs == pytest.approx(found["test"]["f2"]["value"], abs=1e-6)
    losses = -np.where(true, np.log(chances), np.log1p(-chances)).mean(axis=1)
    worst = found["sections"][1]["strips"][0]["shown"][0]
    assert worst["caption"].startswith(f"{data.item_id(int(test[losses.argmax()]))}, true: ")
    one = answers[0].to_json()
    assert one["prediction"] == list(answers[0].labels) and len(one["probabilities"]) == 10


def test_several_views_are_the_mean_of_the_answers_to_single_ones(tmp_path):
    """Each view is asked for by itself, as the pixels that it is, and the mean is thresholded."""
    data = two_digits()
    assert data.augment is not None
    learn = tl.Learner(data, model_arguments={"width": 8}, run=tmp_path / "run", quiet=True)
    predictor = tl.load(learn.fit(1, lr=0.01).export())
    pixels = data.store.take(torch.from_numpy(data.splits["test"][:12]))[:, 0].numpy()
    ready = dataclasses.replace(data.preprocessor, augment=data.augment)
    views = ImageViews(ready, 4)(list(pixels))
    with torch.inference_mode():
        single = [learn.model.cpu().eval()(views[:, k]).double().sigmoid() for k in range(4)]
    wanted = torch.stack(single).mean(0).numpy()
    answers = predictor.predict(list(pixels), views=4)
    chances = np.array([list(one.probabilities.values()) for one in answers])
    np.testing.assert_allclose(chances, wanted, atol=1e-5)
    assert np.abs(chances - single[0].numpy()).max() > 1e-3
    threshold = learn.task.threshold
    said = [[label in one.labels for label in predictor.labels] for one in answers]
    assert np.array_equal(said, chances >= threshold) and 0 < np.mean(said) < 1


class Lowered(torch.nn.Module):
    """Say the labels that the pictures hold, but with lower logits on the rows marked so."""

    def forward(self, pixels):
        there, lowered = pixels[:, 0, 0], pixels[:, 0, 1, :1]
        return 8 * there - 4 - 5 * lowered


def test_test_rows_are_judged_at_the_threshold_of_valid(tmp_path):
    """Chances in test are lower: what is best there finds every label, what valid chose few."""
    draw = np.random.default_rng(3)
    there = (draw.random((60, 4)) < 0.5).astype(np.int64)
    pixels = np.zeros((60, 4, 4), dtype=np.float32)
    pixels[:, 0], pixels[40:, 1] = there, 1
    splits = {"train": range(20), "valid": range(20, 40), "test": range(40, 60)}
    splits = {name: np.array(rows) for name, rows in splits.items()}
    data = tl.arrays(pixels, there, task="multilabel", splits=splits)
    ready = data.preprocessor
    data = dataclasses.replace(
        data, preprocessor=dataclasses.replace(ready, mean=(0.0,), std=(255.0,))
    )
    learn = tl.Learner(data, Lowered(), run=tmp_path / "run", quiet=True)
    true = there[40:]
    chances = 1 / (1 + np.exp(4 + 5 - 8 * true))
    at_valid = best_threshold(1 / (1 + np.exp(4 - 8 * there[20:40])), there[20:40], 1.0)
    theirs = fbeta_score(true, chances >= at_valid, beta=1, average="samples", zero_division=1.0)
    found = learn.validate("test")
    assert found["test/f1"] == pytest.approx(theirs) and theirs < 0.5
    assert learn.validate()["valid/f1"] == 1


@pytest.mark.parametrize(
    ("given", "told"), [({"beta": 0}, "beta=0"), ({"threshold": 1}, "between")]
)
def test_values_outside_their_range_are_told(given, told):
    with pytest.raises(UserError, match=told):
        multilabel(target=SIGNS, **given)


@pytest.mark.parametrize("task", ["multilabel", "regress", "keypoints"])
def test_a_task_for_other_targets_is_refused(task):
    data = tl.arrays(np.zeros((40, 8, 8), dtype=np.uint8), np.arange(40) % 2)
    with pytest.raises(
        UserError, match=f"{task} for arrays, whose target is of the kind 'classes'"
    ):
        tl.Learner(data, task=task)
