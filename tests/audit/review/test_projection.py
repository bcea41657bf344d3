"""Maps: principal components, discriminants, lassos, and a person who labels by them."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import umap
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from torch import nn

from tests.audit.review.lassoing import label_by_lasso
from tilth.audit.review.projection import LEARNED, Maps, activations, standardised
from tilth.errors import UserError
from tilth.models.mlp import mlp
from tilth.nn.body_head import BodyHead


def test_components_are_those_of_scikit_learn_up_to_sign():
    stream = np.random.default_rng(0)
    features = stream.normal(size=(80, 6)) @ stream.normal(size=(6, 6))
    scaled = (features - features.mean(0)) / features.std(0)
    theirs = PCA(3, whiten=True, svd_solver="full").fit_transform(scaled)
    ours = standardised(features, 3)
    signs = np.sign((ours * theirs).sum(0))
    # scikit-learn whitens by n - 1
    np.testing.assert_allclose(ours, theirs * signs * np.sqrt(80 / 79), atol=1e-8)


def test_a_constant_feature_changes_nothing():
    features = np.random.default_rng(0).normal(size=(40, 3))
    more = np.concatenate([features, np.ones((40, 1))], axis=1)
    np.testing.assert_allclose(standardised(more, 3), standardised(features, 3), atol=1e-8)


def test_a_map_by_umap_keeps_neighbours_that_two_components_part():
    digits = load_digits()
    features = digits.data[:600].astype(np.float32)
    maps = Maps({"pixels": features})
    assert maps.names == {"pixels (UMAP)": 2, "pixels": 8}
    near = maps.points("pixels (UMAP)", 0, 1)
    assert near.shape == (600, 2)
    np.testing.assert_array_equal(maps.points("pixels (UMAP)", 1, 0), near[:, ::-1])
    kept = trustworthiness(features, near, n_neighbors=15)
    assert kept > 0.95 > trustworthiness(features, maps.points("pixels", 0, 1), n_neighbors=15)


def test_a_map_that_is_asked_for_twice_at_once_is_made_once(monkeypatch):
    features = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    maps, made, at_once = Maps({"pixels": features}), [], []

    def slow(self, rows):
        at_once.append(1)
        assert len(at_once) == 1
        time.sleep(0.2)
        made.append(at_once.pop())
        return rows[:, :2]

    monkeypatch.setattr(umap.UMAP, "fit_transform", slow)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(maps.points, "pixels (UMAP)", 0, 1) for _ in range(4)]
    assert all(np.array_equal(one.result(), features[:, :2]) for one in asked) and len(made) == 1


def test_maps_by_umap_are_offered_where_it_is_installed_and_has_enough_pictures(monkeypatch):
    features = np.random.default_rng(0).normal(size=(16, 6))
    assert list(Maps({"pixels": features}).names) == ["pixels (UMAP)", "pixels"]
    assert Maps({"pixels": features}).points("pixels (UMAP)", 0, 1).shape == (16, 2)
    assert list(Maps({"pixels": features[:15]}).names) == ["pixels"]
    monkeypatch.setattr("tilth.audit.review.projection.find_spec", lambda name: None)
    assert list(Maps({"pixels": features}).names) == ["pixels"]


@pytest.mark.parametrize(("each", "least"), [(2, 0.65), (3, 0.99), (5, 0.99)])
def test_few_labels_are_learned_from(each, least):
    """Ledoit and Wolf's estimate of the shrinkage is 0 for two rows: nothing to invert."""
    labels = np.array(["even", "odd"] * 300)
    for seed in range(5):
        stream = np.random.default_rng(seed)
        features = stream.normal(size=(600, 6)) + 4.0 * (labels == "odd")[:, None]
        proposed, sure = Maps({"pixels": features}).learn(dict(enumerate(labels[: 2 * each])))
        assert (np.array(proposed) == labels).mean() > least and sure.min() > 0.5


def test_labels_on_pictures_that_are_alike_are_told():
    features = np.random.default_rng(0).normal(size=(60, 8))
    features[:4] = features[0]
    with pytest.raises(UserError, match="pictures that are alike"):
        Maps({"pixels": features}).learn({0: "a", 1: "a", 2: "b", 3: "b"})


def test_activations_are_the_pooled_outputs_of_the_layers_in_row_order():
    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 3, 3, padding=1), nn.Linear(3 * 16, 5)
    body = nn.Sequential(first, nn.ReLU(), nn.Flatten(), second)
    net, inputs = BodyHead(body, nn.Linear(5, 2)).train(), torch.randn(7, 1, 4, 4)
    found = activations(net, inputs.split(3))
    assert list(found) == ["layer 1", "layer 2"] and net.training
    with torch.no_grad():
        maps = first(inputs)
        pooled = maps.unflatten(3, (2, 2)).unflatten(2, (2, 2)).mean((3, 5)).flatten(1)
        np.testing.assert_allclose(found["layer 1"], pooled.numpy(), atol=1e-6)
        np.testing.assert_allclose(found["layer 2"], body(inputs).numpy(), atol=1e-6)


@pytest.mark.parametrize(
    "first", [nn.Conv2d(1, 4, 8), nn.Sequential(nn.Flatten(), nn.Linear(64, 4))]
)
def test_a_layer_that_works_in_place_changes_no_map_of_the_one_before(first):
    def net(inplace):
        body = nn.Sequential(first, nn.ReLU(inplace=inplace), nn.Flatten(), nn.Linear(4, 5))
        return BodyHead(body, nn.Linear(5, 2))

    inputs = torch.randn(7, 1, 8, 8)
    found = activations(net(True), [inputs])["layer 1"]
    assert found.min() < 0  # what comes before the ReLU
    np.testing.assert_array_equal(found, activations(net(False), [inputs])["layer 1"])


def test_what_the_head_sees_is_the_layer_body():
    net, inputs = mlp(channels=1, size=4, outputs=2, layers=(8, 8)), torch.randn(9, 1, 4, 4)
    found = activations(net, [inputs], layer="body")
    with torch.no_grad():
        np.testing.assert_array_equal(found["body"], net.body(inputs).numpy())
        np.testing.assert_array_equal(found["layer 2"].clip(0), found["body"])  # before the ReLU


def test_a_learned_map_parts_the_labels_and_proposes_them():
    stream = np.random.default_rng(0)
    truth = stream.integers(0, 3, 200)
    features = stream.normal(size=(200, 12))
    features[:, :3] += 4 * np.eye(3)[truth]
    features[:, 3:6] *= 20  # loud, and about nothing
    maps = Maps({"only": features})
    assert maps.learn({0: "a"}) == ([], pytest.approx([])) and LEARNED not in maps.names
    labels = {place: "abc"[truth[place]] for place in range(40)}
    proposed, sure = maps.learn(labels)
    right = np.array(proposed) == np.array(list("abc"))[truth]
    assert right[40:].mean() > 0.95 and (sure > 1 / 3).all()
    points = maps.points(LEARNED, 0, 1)
    centres = np.stack([points[truth == k].mean(0) for k in range(3)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(1)
    assert (nearest == truth).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_digits_are_labelled_by_twenty_lassos_on_a_net_that_knows_odd_from_even(seed, tmp_path):
    found = label_by_lasso(seed, tmp_path)
    assert found.lassos <= 20
    assert found.right >= 0.9
    digits = load_digits()
    twenty = np.random.default_rng(seed).permutation(found.rows)[:20]
    simple = LogisticRegression(max_iter=500).fit(digits.data[twenty], digits.target[twenty])
    assert simple.score(digits.data[found.rows], digits.target[found.rows]) < found.right - 0.1


def test_any_layer_has_a_map_and_one_that_is_not_there_is_told_with_those_that_are():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 5))
    net, inputs = BodyHead(body, nn.Linear(5, 2)), torch.randn(7, 1, 4, 4)
    found = activations(net, inputs.split(3), layer="body.2")
    assert list(found) == ["body.2", "layer 1", "layer 2"]
    with torch.no_grad():
        np.testing.assert_allclose(found["body.2"], body[:3](inputs).numpy(), atol=1e-6)
        np.testing.assert_allclose(found["layer 2"], body(inputs).numpy(), atol=1e-6)
    with pytest.raises(UserError, match=r"body\.9.*body\.3") as told:
        activations(net, inputs.split(3), layer="body.9")
    assert "head" in str(told.value)
