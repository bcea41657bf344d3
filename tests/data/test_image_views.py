"""Several views of a picture: what they are, and what is made of their answers."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import tilth as tl
from tilth import registry
from tilth.data.augment import NOTHING, Augment
from tilth.data.augment_pictures import augment_pictures
from tilth.data.dataset import Target
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.image_views import ImageViews, pixel_keys
from tilth.errors import UserError
from tilth.ship.bundle import save_bundle

ARGUMENTS = {"channels": 1, "size": 8, "outputs": 3, "width": 8}


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)


def ready(augment):
    return ImagePreprocessor(8, 8, 1, (100.0,), (50.0,), augment=augment)


def bundle(folder, augment):
    torch.manual_seed(0)
    model = registry.build("tilth.models", "small_resnet", ARGUMENTS)
    return save_bundle(
        folder,
        model=model,
        architecture={"name": "small_resnet", "arguments": ARGUMENTS},
        preprocessor=ready(augment),
        target=Target("kind", "classes", ("a", "b", "c")),
        task="classify",
        temperature=2.0,
        card={"name": "views"},
    )


def test_the_first_view_is_the_picture_and_the_others_are_drawn_by_its_pixels(pictures):
    plain = ready(Augment(flip=False))
    seen = ImageViews(plain, 3)(list(pictures))
    assert torch.equal(seen[:, 0], plain(list(pictures)))
    raw = torch.from_numpy(pictures)[:, None]
    mean, std = plain.statistics(raw.device)
    for view in (1, 2):
        expected = augment_pictures(
            raw, pixel_keys(raw), view, augment=plain.augment, mean=mean, std=std
        )
        assert torch.equal(seen[:, view], expected)
    assert not torch.equal(seen[:, 1], seen[:, 2])


def test_a_picture_is_seen_in_the_same_way_alone_and_among_others(pictures):
    views = ImageViews(ready(Augment()), 4)
    together = views(list(pictures))
    for place, picture in enumerate(pictures):
        assert torch.allclose(views([picture])[0], together[place], rtol=0, atol=1e-6)
    assert len(set(pixel_keys(torch.from_numpy(pictures)[:, None]).tolist())) == 5


def test_the_answer_is_the_mean_of_the_probabilities(pictures, tmp_path):
    predictor = tl.load(bundle(tmp_path / "model", Augment()))
    seen = ImageViews(ready(Augment()), 4)(list(pictures))
    with torch.no_grad():
        each = [(predictor._model(seen[:, v]) / 2.0).softmax(1) for v in range(4)]
    expected = torch.stack(each).mean(0)
    answers = predictor.predict(list(pictures), views=4)
    given = [list(one.probabilities.values()) for one in answers]
    assert np.allclose(given, expected.numpy(), atol=1e-5)
    labels = ["abc"[n] for n in expected.argmax(1)]
    assert [one.label for one in answers] == labels
    alone = predictor.predict(pictures[0], views=4)
    assert np.allclose(list(alone.probabilities.values()), expected[0].numpy(), atol=1e-5)
    items = list(predictor.predict_items(list(pictures), views=4))
    assert [one["prediction"] for one in items] == labels


def test_a_bundle_says_how_its_pictures_were_varied(tmp_path):
    folder = bundle(tmp_path / "model", Augment(rotate_degrees=5))
    written = json.loads((folder / "preprocessor_config.json").read_text())
    assert written["augment"]["rotate_degrees"] == 5
    assert tl.load(folder)._preprocessor.augment == Augment(rotate_degrees=5)
    del written["augment"]  # of a bundle from before
    assert ImagePreprocessor.from_config(written).augment is None


@pytest.mark.parametrize("varied", [None, NOTHING, replace(NOTHING, cutmix=1.0, pad="zero")])
def test_views_are_refused_where_training_varied_no_picture_by_itself(varied, pictures, tmp_path):
    predictor = tl.load(bundle(tmp_path / "model", varied))
    with pytest.raises(UserError, match="views=4 of a model whose training varied no picture"):
        predictor.predict(pictures, views=4)
    with pytest.raises(UserError, match="views=0"):
        tl.load(bundle(tmp_path / "other", Augment())).predict(pictures, views=0)


def test_views_of_a_net_that_learned_from_mixed_pictures_are_of_one_picture_each(pictures):
    mixed = ImageViews(ready(Augment(mixup=0.4, cutmix=1.0, cutout=0.5)), 3)
    plain = ImageViews(ready(Augment()), 3)
    assert torch.equal(mixed(list(pictures)), plain(list(pictures)))
    assert torch.equal(mixed(list(pictures))[2:3], mixed(list(pictures[2:3])))
