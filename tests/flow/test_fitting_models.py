import subprocess
import sys

import pytest
import torch
from torch.utils.data import TensorDataset

import tilth as tl
from tilth.errors import UserError
from tilth.flow.fitting_models import check_model_fits, fitting_models, named_model

PICTURES = [
    "cifar_resnet",
    "mlp",
    "small_resnet",
    "small_vgg",
    "timm_backbone",
    "torchvision_backbone",
    "two_conv",
]


def test_models_fit_by_what_they_take():
    assert fitting_models(["channels", "size", "outputs"]) == PICTURES
    assert fitting_models(["num_numbers", "cardinalities", "outputs"]) == ["tabular_mlp"]
    assert fitting_models(["channels", "size", "pixel_outputs"]) == ["fcn", "tiramisu", "unet"]


@pytest.mark.parametrize(
    ("name", "file", "arguments"),
    [
        ("small_vgg", "small_vgg", {}),
        ("resnet34", "timm_backbone", {"backbone": "resnet34"}),
        ("vgg16", "timm_backbone", {"backbone": "vgg16"}),
        ("seresnet50", "timm_backbone", {"backbone": "seresnet50"}),
        ("vit_small_patch16_224", "timm_backbone", {"backbone": "vit_small_patch16_224"}),
        ("squeezenet1_1", "torchvision_backbone", {"backbone": "squeezenet1_1"}),
        ("googlenet", "torchvision_backbone", {"backbone": "googlenet", "auxiliary": 0.3}),
        ("fcn_resnet50", "fcn", {"net": "fcn_resnet50"}),
    ],
)
def test_nets_of_timm_and_torchvision_go_by_their_own_names(name, file, arguments):
    assert named_model(name) == (file, arguments)


@pytest.mark.parametrize("name", ["resnet43", "hf-hub:timm/resnet18", "local-dir:x", "../two_conv"])
def test_other_names_are_refused(name):
    with pytest.raises(UserError, match="unknown model"):
        named_model(name)


def test_a_misspelt_backbone_gets_a_proposal():
    with pytest.raises(UserError, match="did you mean 'squeezenet1_1'"):
        named_model("squeezenet11")


def test_a_backbone_by_its_name_comes_back_from_its_bundle(tmp_path):
    """Trained, shipped and loaded: the bundle knows what the name stood for."""
    pictures = torch.randint(0, 255, (40, 3, 32, 32), dtype=torch.uint8)
    data = tl.arrays(pictures, torch.arange(40) % 2)
    settings = {"epochs": 1, "batch_size": 8, "lr": 0.01, "quiet": True, "augment": False}
    learn = tl.Learner(data, "test_resnet", run=tmp_path / "run", **settings)
    assert learn.architecture["name"] == "timm_backbone"
    assert learn.to_config()["model"]["arguments"] == {"backbone": "test_resnet"}
    run = learn.fit()
    bundle = run.export(tmp_path / "bundle")
    answers = tl.load(bundle).predict(pictures[:4].numpy())
    assert len(answers) == 4
    again = tl.Learner(data, "test_resnet", run=tmp_path / "again", warm_start=bundle, **settings)
    kept, taken = learn.model.body.state_dict(), again.model.body.state_dict()
    assert all(torch.equal(kept[key], taken[key]) for key in kept)


def test_a_model_for_other_data_is_told_with_those_that_fit():
    data = tl.arrays(torch.randint(0, 255, (60, 8, 8), dtype=torch.uint8), torch.arange(60) % 3)
    with pytest.raises(UserError) as refused:
        tl.Learner(data, "tabular_mlp", quiet=True)
    assert refused.value.choices == PICTURES
    assert str(refused.value).startswith("tabular_mlp for pictures;")
    assert "leave the model out" in str(refused.value)
    with pytest.raises(UserError, match="its answer is of another kind: it takes no outputs"):
        tl.Learner(data, "unet", quiet=True)


def test_items_that_are_no_pictures_are_told_by_what_is_missing():
    data = tl.dataset(TensorDataset(torch.zeros(40, 2), torch.arange(40) % 2))
    with pytest.raises(UserError, match="two_conv needs"):
        tl.Learner(data, "two_conv", quiet=True)
    pictures = tl.dataset(TensorDataset(torch.zeros(40, 3, 8, 8), torch.arange(40) % 2))
    with pytest.raises(UserError, match="tabular_mlp for items of your own"):
        tl.Learner(pictures, "tabular_mlp", quiet=True)
    check_model_fits("mlp", "dataset", pictures.model_arguments())


def test_a_model_that_fits_is_taken_without_a_look_at_the_others():
    """Two of them import whole libraries, for seconds."""
    code = (
        "import sys; from tilth.flow.fitting_models import check_model_fits; "
        "check_model_fits('mlp', 'images', ['channels', 'size', 'outputs']); "
        "print([m for m in ('timm', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
