import pytest
import torch
from torch.utils.data import TensorDataset

import tilth as tl
from tilth.errors import UserError
from tilth.flow.fitting_models import check_model_fits, fitting_models

PICTURES = ["mlp", "small_resnet", "small_vgg", "timm_backbone", "two_conv"]


def test_models_fit_by_what_they_take():
    assert fitting_models(["channels", "size", "outputs"]) == PICTURES
    assert fitting_models(["num_numbers", "cardinalities", "outputs"]) == ["tabular_mlp"]


def test_a_model_for_other_data_is_told_with_those_that_fit():
    data = tl.arrays(torch.randint(0, 255, (60, 8, 8), dtype=torch.uint8), torch.arange(60) % 3)
    with pytest.raises(UserError) as refused:
        tl.Learner(data, "tabular_mlp", quiet=True)
    assert refused.value.choices == PICTURES
    assert str(refused.value).startswith("tabular_mlp for pictures;")
    assert "leave the model out" in str(refused.value)


def test_items_that_are_no_pictures_are_told_by_what_is_missing():
    data = tl.dataset(TensorDataset(torch.zeros(40, 2), torch.arange(40) % 2))
    with pytest.raises(UserError, match="two_conv needs"):
        tl.Learner(data, "two_conv", quiet=True)
    pictures = tl.dataset(TensorDataset(torch.zeros(40, 3, 8, 8), torch.arange(40) % 2))
    with pytest.raises(UserError, match="tabular_mlp for items of your own"):
        tl.Learner(pictures, "tabular_mlp", quiet=True)
    check_model_fits("mlp", "dataset", pictures.model_arguments())
