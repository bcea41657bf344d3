"""Rows as draws from a model with latent variables, as a task."""

import functools

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

import tilth as tl
from tests.tasks.test_autoencode import digits, split
from tilth.errors import UserError
from tilth.tasks.variational import latents_of

LEARNER = functools.partial(
    tl.Learner, digits(), task="variational", epochs=1, model_arguments={"latents": 4}
)


def test_the_measures_add_up_and_the_divergence_is_the_closed_form():
    learner = LEARNER(quiet=True)
    found = learner.validate("test")
    assert found["test/elbo"] == pytest.approx(
        found["test/reconstruction"] - found["test/kl"], rel=1e-5
    )
    rows = torch.from_numpy(split(learner, "test")).float().reshape(-1, 1, 8, 8)
    with torch.no_grad():
        mean, log_std = learner.model.eval().encode(rows)
    wanted = kl_divergence(Normal(mean, log_std.exp()), Normal(0.0, 1.0)).sum(1).mean()
    assert found["test/kl"] == pytest.approx(float(wanted), rel=1e-4)


def test_measuring_twice_gives_the_same_draws():
    learner = LEARNER(quiet=True)
    assert learner.validate("valid") == learner.validate("valid")


def test_probabilistic_pca_stands_beside_it(tmp_path):
    from sklearn.decomposition import PCA

    learner = LEARNER(quiet=True, run=tmp_path / "run")
    run = learner.fit()
    fitted = PCA(4, random_state=0).fit(split(learner, "train"))
    (pca,) = run.audit()["baselines"]
    wanted = fitted.score_samples(split(learner, "test")).mean()
    assert pca["metrics"]["elbo"]["value"] == pytest.approx(wanted, rel=1e-6)


def test_a_codec_samples_from_the_prior(tmp_path):
    learner = LEARNER(quiet=True, run=tmp_path / "run")
    codec = tl.load(learner.fit().export())
    assert latents_of(learner.model, learner.data) == 4
    assert codec.sample(3).shape == (3, 1, 8, 8)
    assert torch.equal(codec.sample(3, seed=1), codec.sample(3, seed=1))
    assert not torch.equal(codec.sample(3, seed=1), codec.sample(3, seed=2))
    with pytest.raises(UserError, match="count=0"):
        codec.sample(0)


def test_weights_that_cannot_be_are_refused():
    for beta in (0.0, -1.0, float("nan")):
        with pytest.raises(UserError, match="beta"):
            LEARNER(quiet=True, task_arguments={"beta": beta})


def test_an_array_of_numbers_is_learned_too(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(120, 5))
    learner = tl.Learner(
        tl.arrays(inputs, inputs[:, 0]),
        task="variational",
        epochs=1,
        quiet=True,
        model_arguments={"latents": 2},
        run=tmp_path / "run",
    )
    assert "elbo" in learner.fit().audit()["test"]


def test_pictures_made_black_and_white_have_a_probability(tmp_path):
    learner = LEARNER(quiet=True, task_arguments={"binary": True}, run=tmp_path / "run")
    assert learner.architecture["arguments"]["likelihood"] == "bernoulli"
    assert set(np.unique(split(learner, "test"))) == {0.0, 1.0}
    run = learner.fit()
    (one,) = run.audit()["baselines"]
    train, test = split(learner, "train"), split(learner, "test")
    chance = (train.sum(0) + 1) / (len(train) + 2)
    wanted = (test * np.log(chance) + (1 - test) * np.log(1 - chance)).sum(1).mean()
    assert one["name"] == "independent"
    assert one["metrics"]["elbo"]["value"] == pytest.approx(wanted, rel=1e-5)
    assert run.audit()["test"]["elbo"]["value"] < 0
    inputs = np.random.default_rng(0).normal(size=(80, 3))
    with pytest.raises(UserError, match="binary=True"):
        tl.Learner(tl.arrays(inputs), task="variational", task_arguments={"binary": True})


def test_the_report_tells_a_collapse_first_and_bounds_that_do_not_fall(tmp_path):
    learner = LEARNER(quiet=True, task_arguments={"beta": 1e4}, run=tmp_path / "run")
    run = learner.fit()
    found = run.audit()
    (warning,) = found["warnings"]
    assert warning.startswith("Posterior collapse: 0 of 4")
    page = run.report().read_text()
    assert page.index(warning) < page.index("All scores on test")
    sections = {one["title"]: one for one in found["sections"]}
    rows = sections["How tight the bound is"]["table"]["rows"]
    assert [row[0] for row in rows] == ["1", "5", "50"]
    bounds = [float(row[1]) for row in rows]
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(found["test"]["elbo"]["value"], rel=0.1)  # one draw a row


def test_the_explorer_is_in_the_page_and_works_by_keys_alone(tmp_path):
    run = LEARNER(quiet=True, run=tmp_path / "run").fit(40, lr=0.01)
    sections = {one["title"]: one for one in run.audit()["sections"]}
    grids = sections["What the latents stand for"]["explorers"]
    page = run.report().read_text()
    assert len(grids) >= 1 and page.count('<div class="explorer"') == len(grids)
    assert page.count('type="radio"') == 18 * len(grids)  # of one name: arrow keys choose
    assert page.count(" checked>") == 2 * len(grids)
    for place in range(9):
        assert f".explorer:has(.x{place}:checked)" in page
