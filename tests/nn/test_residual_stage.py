import torch

from tilth.nn.residual_stage import ResidualStage


def test_without_a_branch_it_only_halves():
    stage = ResidualStage(2, 4, depth=0)
    x = torch.randn(3, 2, 6, 6)
    assert torch.equal(stage(x), stage.halve(x))


def test_a_silent_branch_leaves_the_identity():
    stage = ResidualStage(2, 4, depth=2).eval()
    torch.nn.init.zeros_(stage.refine[-1][1].weight)
    x = torch.randn(3, 2, 5, 9)
    assert torch.equal(stage(x), stage.halve(x))
    assert stage(x).shape == (3, 4, 2, 4)


def test_halving_keeps_the_largest_of_each_two_by_two():
    stage = ResidualStage(1, 1, depth=0).eval()
    with torch.no_grad():
        stage.halve[0].weight.zero_()[0, 0, 1, 1] = 1.0
    x = torch.rand(1, 1, 4, 6)
    expected = x.reshape(1, 1, 2, 2, 3, 2).amax((3, 5)) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(stage(x), expected)
