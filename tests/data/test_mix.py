"""Mixing: shares against Beta distributions, pictures and targets against one another."""

import numpy as np
import pytest
import scipy.stats
import torch
from torch.nn.functional import cross_entropy, log_softmax

from tilth.data.augment import NOTHING, Augment
from tilth.data.image_prepare import ImagePrepare
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.mix import MixTargets, beta_quantiles, mixing

SIZE = (12, 16)
PLAIN = {"flip": False, "rotate_degrees": 0, "zoom": 1, "warp": 0, "light": 0}


def constant(rows: int) -> torch.Tensor:
    """[rows, 1, H, W]: every pixel of a picture is its row, so that a mean tells the shares."""
    return torch.arange(rows, dtype=torch.float32)[:, None, None, None].expand(-1, 1, *SIZE)


def mixed(augment: Augment, raw: torch.Tensor, keys: torch.Tensor, epoch: int = 0) -> torch.Tensor:
    ready = ImagePreprocessor(*SIZE, 1, (0.0,), (1.0,), dtype="float32", value_range=(0.0, 1.0))
    return ImagePrepare(ready, augment)(raw, keys, epoch)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_of_a_beta_distribution(alpha):
    chances = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    found = beta_quantiles(chances, alpha).double().numpy()
    exact = scipy.stats.beta(alpha, alpha).ppf(chances.double().numpy())
    assert np.abs(found - exact).max() < 0.05  # at the ends of a steep curve
    assert np.abs(found - exact).mean() < 1e-4
    keys = torch.arange(4000)
    share = mixing(keys, 0, Augment(mixup=alpha), *SIZE, seed=0).share.double().numpy()
    assert scipy.stats.kstest(share, scipy.stats.beta(alpha, alpha).cdf).pvalue > 0.001


def test_each_row_has_one_partner_and_is_that_of_one():
    for epoch in range(20):
        partner = mixing(torch.arange(50, 67), epoch, Augment(mixup=1.0), *SIZE, seed=1).partner
        assert sorted(partner.tolist()) == list(range(17))
        assert (partner != torch.arange(17)).all()


@pytest.mark.parametrize(
    "given", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}], ids=str
)
def test_pictures_and_targets_are_mixed_in_the_same_shares(given):
    """Pictures that are all of one value, a number and a class: each mean is the mixed target."""
    augment, keys = Augment(**PLAIN, **given), torch.arange(200, 240)
    pictures = mixed(augment, constant(40), keys, 3)
    numbers = MixTargets(augment, *SIZE)(torch.arange(40.0), keys, 3)
    torch.testing.assert_close(pictures.mean((1, 2, 3)), numbers)
    assert (numbers - torch.arange(40.0)).abs().max() > 5
    shares = MixTargets(augment, *SIZE, classes=40)(torch.arange(40), keys, 3)
    torch.testing.assert_close(shares.sum(1), torch.ones(40))
    assert (shares >= 0).all()
    torch.testing.assert_close(shares @ torch.arange(40.0), numbers)
    several = MixTargets(augment, *SIZE)(torch.eye(40), keys, 3)
    assert torch.equal(several, shares)  # several labels: 0 or 1 each


def test_cutmix_lays_one_rectangle_of_the_partner_and_counts_its_pixels():
    augment, keys = Augment(**PLAIN, cutmix=1.0), torch.arange(300)
    found = mixing(keys, 0, augment, *SIZE, seed=0)
    pictures = mixed(augment, constant(300), keys)[:, 0]
    laid = pictures == found.partner[:, None, None]
    own = pictures == torch.arange(300)[:, None, None]
    assert torch.equal(laid, ~own)
    rows, columns = laid.any(2).sum(1), laid.any(1).sum(1)
    assert torch.equal(laid.sum((1, 2)), rows * columns)
    torch.testing.assert_close(found.share, laid.float().mean((1, 2)))
    assert 0.25 < found.share.mean() < 0.45  # 1/2 less what is clipped


def test_both_take_half_of_the_rows_each():
    augment, keys = Augment(**PLAIN, mixup=1.0, cutmix=1.0), torch.arange(2000)
    weight = mixing(keys, 0, augment, *SIZE, seed=0).weight
    cut = ((weight == 0) | (weight == 1)).flatten(1).all(1)
    assert 0.45 < cut.float().mean() < 0.55


def test_a_share_of_the_pictures_is_mixed_and_the_others_stay_whole_with_their_targets():
    keys = torch.arange(2000)
    whole = mixing(keys, 1, Augment(cutmix=1.0), *SIZE, seed=0)
    half = mixing(keys, 1, Augment(cutmix=1.0, mixed=0.5), *SIZE, seed=0)
    left = half.weight.flatten(1).amax(1) == 0
    assert 0.45 < (whole.share > 0).float().mean() - (~left).float().mean() < 0.55
    assert torch.equal(half.partner, whole.partner)
    assert (half.share[left] == 0).all()
    assert torch.equal(half.share[~left], whole.share[~left])
    assert torch.equal(half.weight[~left], whole.weight[~left])
    assert not Augment(cutmix=1.0, mixed=0.0).mixes


def test_the_order_of_the_rows_changes_nothing_and_the_set_of_rows_does():
    augment, keys = Augment(**PLAIN, mixup=1.0, cutmix=1.0), torch.arange(31)
    raw = torch.rand(31, 1, *SIZE, generator=torch.Generator().manual_seed(0))
    whole = mixed(augment, raw, keys)
    back = torch.randperm(31, generator=torch.Generator().manual_seed(1))
    assert torch.equal(mixed(augment, raw[back], keys[back]), whole[back])
    # as two ranks mix: other partners, but each row keeps as much of itself
    half = mixing(keys[:15], 0, augment, *SIZE, seed=0)
    all_rows = mixing(keys, 0, augment, *SIZE, seed=0)
    assert torch.equal(half.share, all_rows.share[:15])
    assert torch.equal(half.weight, all_rows.weight[:15])
    assert not torch.equal(mixed(augment, raw[:15], keys[:15]), whole[:15])


def test_a_lone_row_and_alpha_0_are_left_alone():
    raw = torch.rand(5, 1, *SIZE, generator=torch.Generator().manual_seed(0))
    keys = torch.arange(5)
    torch.testing.assert_close(mixed(Augment(**PLAIN, mixup=1.0), raw[:1], keys[:1]), raw[:1])
    assert torch.equal(mixed(NOTHING, raw, keys), raw)


def test_cross_entropy_of_shares_is_the_mean_of_both_classes():
    """Zhang et al. 2018, section 3: the loss is linear in the target."""
    augment, keys = Augment(mixup=1.0), torch.arange(6)
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 1, 2, 3, 0, 2])
    shares = MixTargets(augment, *SIZE, classes=4)(classes, keys, 0)
    found = mixing(keys, 0, augment, *SIZE, seed=0)
    each = -log_softmax(logits, 1)
    own, other = each[range(6), classes], each[range(6), classes[found.partner]]
    expected = (own * (1 - found.share) + other * found.share).sum()
    torch.testing.assert_close(cross_entropy(logits, shares, reduction="sum"), expected)
