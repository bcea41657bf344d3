"""Feature losses: zero for the same picture, by hand, and fastai's formula."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.objectives.seen import painter, vgg_body
from tilth.errors import UserError
from tilth.nn.feature_net import FeatureNet, gram
from tilth.objectives.perceptual import compare, distance, total_variation, weights_of

STREAM = torch.Generator().manual_seed(0)
INPUTS, TARGETS = (torch.rand(4, 3, 16, 16, generator=STREAM) for _ in "ab")


def vgg():
    return vgg_body(width=4)


@pytest.mark.parametrize("how", ["absolute", "squared"])
def test_it_is_zero_for_identical_pictures_and_only_there(how):
    features = FeatureNet(vgg())
    seen, other = features(TARGETS), features(INPUTS)
    assert (
        float(compare(seen, seen, [1, 1, 1], how))
        == 0
        < float(compare(seen, other, [0, 0, 1], how))
    )


def test_pictures_alike_in_what_is_seen_have_no_distance():
    """A feature net that sees grey does not tell colours of the same grey apart."""
    grey = nn.Conv2d(3, 1, 1, bias=False)
    nn.init.constant_(grey.weight, 1 / 3)
    features, turned = FeatureNet(nn.Sequential(grey), [0]), TARGETS[:, [2, 0, 1]]
    assert float(compare(features(turned), features(TARGETS), [1.0], "absolute")) < 1e-6
    assert float(distance(turned, TARGETS, "absolute").sum()) > 0.1


def fastai_feature_loss(body, found, wanted, layer_weights, style):
    """The loss of fastai's super-resolution lesson: hooks before the pools, L1, squared weights."""
    stored = []
    before = [place - 1 for place, one in enumerate(body) if isinstance(one, nn.MaxPool2d)]
    handles = [
        body[place].register_forward_hook(lambda m, i, o: stored.append(o.clone()))
        for place in before
    ]
    body(wanted)
    out_features = [one.clone() for one in stored]
    stored.clear()
    body(found)

    def gram_matrix(x):
        n, c, h, w = x.size()
        x = x.view(n, c, -1)
        return (x @ x.transpose(1, 2)) / (c * h * w)

    losses = [F.l1_loss(found, wanted)]
    triples = list(zip(stored, out_features, layer_weights, strict=True))
    losses += [F.l1_loss(a, b) * w for a, b, w in triples]
    losses += [F.l1_loss(gram_matrix(a), gram_matrix(b)) * w**2 * style for a, b, w in triples]
    for handle in handles:
        handle.remove()
    return sum(losses)


def test_it_is_the_formula_of_fastai():
    body, model = vgg().eval(), painter()
    found, weights, features = model(INPUTS), [20.0, 70.0, 10.0], FeatureNet(body)
    sides = [features(pictures) for pictures in (found, TARGETS)]
    styles = [[gram(one) for one in side] for side in sides]
    ours = distance(found, TARGETS, "absolute").sum() + compare(*sides, weights, "absolute")
    ours += 5e3 * compare(*styles, [weight**2 for weight in weights], "absolute")
    theirs = fastai_feature_loss(body, found, TARGETS, weights, 5e3) * len(found)
    torch.testing.assert_close(ours, theirs)


def test_distances_are_means_per_row():
    torch.testing.assert_close(
        distance(INPUTS, TARGETS, "absolute").mean(), F.l1_loss(INPUTS, TARGETS)
    )
    torch.testing.assert_close(
        distance(INPUTS, TARGETS, "squared").mean(), F.mse_loss(INPUTS, TARGETS)
    )


def test_total_variation_against_a_loop_and_closed_forms():
    pictures = torch.randn(2, 3, 4, 5)
    for row in range(2):
        down = [
            abs(pictures[row, c, i + 1, j] - pictures[row, c, i, j])
            for c in range(3)
            for i in range(3)
            for j in range(5)
        ]
        across = [
            abs(pictures[row, c, i, j + 1] - pictures[row, c, i, j])
            for c in range(3)
            for i in range(4)
            for j in range(4)
        ]
        wanted = sum(down) / len(down) + sum(across) / len(across)
        torch.testing.assert_close(total_variation(pictures)[row], wanted)
    ramp = torch.arange(6.0).expand(1, 1, 4, 6) * 0.25
    assert float(total_variation(ramp)) == 0.25
    assert float(total_variation(torch.full((1, 1, 4, 4), 7.0))) == 0


def test_weights_are_as_many_as_there_are_taps():
    features = FeatureNet(vgg())
    assert weights_of(features, None, "weights") == [1.0, 1.0, 1.0]
    with pytest.raises(UserError, match=r"weights=\[1, 2\] for 3 taps"):
        weights_of(features, [1, 2], "weights")
