import torch
from torch import nn

from tilth.nn.class_conditional import ClassBatchNorm, ProjectionCritic


def test_without_classes_the_norm_is_the_ordinary_one():
    torch.manual_seed(0)
    x = 3 * torch.randn(8, 4, 5, 5) + 1
    own, plain = ClassBatchNorm(4, classes=0), nn.BatchNorm2d(4)
    torch.testing.assert_close(own(x), plain(x), rtol=0, atol=0)
    assert torch.equal(own.norm.running_mean, plain.running_mean)


def test_with_classes_it_begins_as_the_ordinary_one():
    x = 3 * torch.randn(8, 4, 5, 5, generator=torch.Generator().manual_seed(0)) + 1
    own, plain = ClassBatchNorm(4, classes=3), nn.BatchNorm2d(4)
    torch.testing.assert_close(own(x, torch.arange(8) % 3), plain(x), rtol=0, atol=0)


def test_scores_are_linear_plus_the_inner_product_with_the_class():
    torch.manual_seed(0)
    critic = ProjectionCritic(nn.Identity(), 5, classes=3).double()
    features, labels = torch.randn(7, 5).double(), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    weight, classes = critic.score.weight[0], critic.embedding.weight
    wanted = [
        row @ (weight + classes[label]) + critic.score.bias[0]
        for row, label in zip(features, labels, strict=True)
    ]
    torch.testing.assert_close(critic(features, labels), torch.stack(wanted))
