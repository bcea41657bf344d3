"""Dropout against the binomial law, its own mask and torch's layer."""

import math

import pytest
import torch
from torch import nn

from tilth.errors import UserError
from tilth.nn.dropout import Dropout, kept


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_that_is_zeroed_follows_the_binomial_law(p):
    torch.manual_seed(0)
    features = torch.ones(1000, 101)
    out = Dropout(p)(features)
    zeroed, number = float((out == 0).sum()), features.numel()
    assert abs(zeroed - p * number) < 4 * math.sqrt(number * p * (1 - p))
    # each of the four places of a 64-bit draw by itself
    places = out.flatten()[: number // 4 * 4].view(-1, 4)
    shares = (places == 0).double().mean(0)
    assert (shares - p).abs().max() < 4 * math.sqrt(p * (1 - p) / len(places))
    assert torch.corrcoef((places == 0).double().T).fill_diagonal_(0).abs().max() < 0.03


def test_what_is_kept_is_scaled_so_that_the_mean_stays():
    out = Dropout(0.25)(torch.full((64, 64), 3.0))
    assert set(out.unique().tolist()) == {0.0, 4.0}  # 0.25 is a multiple of 2^-16
    assert kept(torch.zeros(8), 0.1).max().item() == pytest.approx(1 / (1 - 6554 / 65536), rel=1e-7)


def test_gradients_go_where_values_went():
    features = torch.randn(33, 7, requires_grad=True, dtype=torch.float64)
    out = Dropout(0.3)(features)
    out.sum().backward()
    assert torch.equal(features.grad * features, out.detach())


def test_one_seed_gives_one_mask_and_another_differs():
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(Dropout(0.5)(torch.ones(200)))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_eval_and_zero_chance_leave_features_alone():
    features = torch.randn(5, 5)
    assert Dropout(0.5).eval()(features) is features
    assert Dropout(0.0)(features) is features
    assert Dropout(0.5)(torch.zeros(0, 3)).shape == nn.Dropout(0.5)(torch.zeros(0, 3)).shape


@pytest.mark.parametrize("p", [-0.1, 1.0, 2])
def test_an_impossible_chance_is_refused(p):
    with pytest.raises(UserError, match="from 0 to below 1"):
        Dropout(p)
