"""Nets that answer for every pixel, begun from a bundle or from weights of an encoder."""

import functools

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision.models import VGG16_Weights

import tilth as tl
from tilth.errors import UserError
from tilth.models.fcn import fcn
from tilth.models.timm_backbone import timm_backbone
from tilth.models.torchvision_backbone import COLOURS
from tilth.models.unet import unet
from tilth.ship.bundle import save_bundle

SHARED = {"quiet": True, "batch_size": 8, "patience": 0, "dtype": "float32"}


def shapes(scale=1, channels=3):
    """Return pictures with a light square each, and where it is."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 80, (40, 32 * scale, 32 * scale, channels)).astype(np.uint8)
    masks = np.zeros(pixels.shape[:3], dtype=np.uint8)
    for row in range(len(masks)):
        y, x = draw.integers(0, 20 * scale, 2)
        masks[row, y : y + 10 * scale, x : x + 10 * scale] = 1
    pixels[masks == 1] += 150
    return tl.arrays(pixels, masks, task="segment")


def taken(learn, bundle):
    """Return how many tensors of the body are the bundle's, and how many there are."""
    before = tl.load(bundle)._model.state_dict()
    own = {k: v for k, v in learn.model.state_dict().items() if not k.startswith("head.")}
    return sum(torch.equal(value, before[name]) for name, value in own.items()), len(own)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("unet", {"width": 4}), ("tiramisu", {}), ("fcn", {"width": 4})],
)
def test_a_warm_start_brings_the_net_of_the_bundle_to_larger_pictures(name, arguments, tmp_path):
    first = tl.Learner(
        shapes(), name, model_arguments=arguments, run=tmp_path / "small", **SHARED
    ).fit(1)
    bundle = first.export()
    learn = tl.Learner(shapes(2), warm_start=bundle, run=tmp_path / "large", **SHARED)
    assert learn.architecture["name"] == name
    assert arguments.items() <= learn.architecture["arguments"].items()
    fitting, tensors = taken(learn, bundle)
    assert fitting == tensors
    learn.fit(1)


def test_a_warm_start_of_another_net_is_refused(tmp_path):
    bundle = tl.Learner(shapes(), model_arguments={"width": 4}, run=tmp_path / "run", **SHARED)
    given = bundle.fit(1).export()
    with pytest.raises(UserError, match=r"^0 of \d+ body tensors of .*--model unet"):
        tl.Learner(shapes(), "tiramisu", warm_start=given, **SHARED)
    # of another width, what batch norms counted fits and says nothing
    with pytest.raises(UserError, match=r"^\d+ of \d+ body tensors of .*at least 25 %"):
        tl.Learner(shapes(), model_arguments={"width": 64}, warm_start=given, **SHARED)
    pixels = np.random.default_rng(0).integers(0, 255, (60, 16, 16), dtype=np.uint8)
    classes = tl.arrays(pixels, np.arange(60) % 2)
    with pytest.raises(UserError, match="begin from another bundle: unet cannot do this task"):
        tl.Learner(classes, warm_start=given, **SHARED)


def test_a_warm_start_brings_nothing_that_the_net_asked_for_does_not_use(tmp_path):
    given = {"encoder": "test_resnet"}
    learn = functools.partial(tl.Learner, shapes(), "unet", **SHARED)
    bundle = learn(model_arguments={"width": 4}, run=tmp_path / "own").fit(1).export()
    with pytest.raises(UserError, match="body tensors of"):  # and not: leave width out
        learn(model_arguments=given, warm_start=bundle)
    other = learn(model_arguments=given)
    older = other.architecture["arguments"] | {"width": 48}  # as before it was refused
    bundle = save_bundle(
        tmp_path / "other",
        model=other.model,
        architecture={"name": "unet", "arguments": older},
        preprocessor=other.data.preprocessor,
        target=other.data.target,
        task="segment",
        temperature=1.0,
        answers="masks",
        card={},
    )
    again = learn(warm_start=bundle)
    assert "width" not in again.architecture["arguments"]
    fitting, tensors = taken(again, bundle)
    assert fitting == tensors


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "encoder.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), path)
    return path


def test_frozen_knowledge_is_the_encoder_s_and_the_decoder_learns(weights, tmp_path):
    arguments = {"encoder": "test_resnet", "weights": str(weights)}
    learn = tl.Learner(
        shapes(), "unet", model_arguments=arguments, run=tmp_path / "run", lr=0.01, **SHARED
    )
    wanted = timm.get_pretrained_cfg("test_resnet")
    assert learn.data.preprocessor.mean == pytest.approx([255 * one for one in wanted.mean])
    before = {name: value.clone() for name, value in learn.model.state_dict().items()}
    learn.freeze()
    learn.fit(1)
    after = learn.model.state_dict()
    for name in before:
        if name.startswith("body.encoder."):
            assert torch.equal(before[name], after[name]), name
    parts = [
        n for n in before if n.startswith(("body.up.", "body.merge.", "head.")) and "weight" in n
    ]
    kernels = [name for name in parts if before[name].dim() == 4]
    assert kernels
    assert not any(torch.equal(before[name], after[name]) for name in kernels)


@pytest.mark.parametrize(("make", "colours"), [(timm_backbone, 3), (timm_backbone, 1), (unet, 3)])
def test_a_net_given_as_a_module_brings_the_colours_of_its_weights_too(make, colours, weights):
    data, plain = shapes(channels=colours), {"channels": colours, "size": 32}
    if make is timm_backbone:
        net = make(backbone="test_resnet", outputs=2, weights=str(weights), **plain)
        data = tl.arrays(data.pictures.take(torch.arange(40)).movedim(1, -1).numpy(), [0, 1] * 20)
    else:
        net = make(encoder="test_resnet", pixel_outputs=2, weights=str(weights), **plain)
    mean = np.mean(timm.get_pretrained_cfg("test_resnet").mean)
    assert data.preprocessor.mean != pytest.approx([255 * mean] * colours)
    first = tl.Learner(data, net, **SHARED)
    again = tl.Learner(data, first.model, **SHARED)
    for learn in (first, again):
        assert learn.data.preprocessor.mean == pytest.approx([255 * mean] * colours)
        (told,) = learn.warm_notes
        assert f"normalised as those of the weights of {type(net).__name__}" in told


def test_the_colours_of_torchvision_are_those_of_its_published_weights():
    published = VGG16_Weights.IMAGENET1K_V1.transforms()
    assert (tuple(published.mean), tuple(published.std)) == COLOURS


def test_weights_of_torchvision_bring_their_colours(tmp_path):
    torch.manual_seed(0)
    plain = {"net": "fcn_resnet50"}
    net = fcn(channels=3, size=32, pixel_outputs=2, **plain)
    assert not hasattr(net, "learned_from")
    body = {f"backbone.{k}": v for k, v in net.body.backbone.state_dict().items()}
    neck = {f"classifier.{k}": v for k, v in net.body.neck.state_dict().items()}
    save_file({**body, **neck}, tmp_path / "fcn.safetensors")
    again = fcn(
        channels=3, size=32, pixel_outputs=2, weights=str(tmp_path / "fcn.safetensors"), **plain
    )
    assert again.learned_from == COLOURS
