"""New first weights for a net that is there."""

import torch
from torch import nn

from tilth.models.domain_net import domain_net
from tilth.nn.begin_anew import begun_anew, cannot_begin_anew

ARGUMENTS = {"channels": 1, "size": 16, "labels": 3, "width": 4, "hidden": 8}


def test_it_is_the_net_that_the_same_stream_makes():
    trained = domain_net(**ARGUMENTS)
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    torch.manual_seed(3)
    wanted = domain_net(**ARGUMENTS).state_dict()
    torch.manual_seed(3)
    found = begun_anew(trained).state_dict()
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name
        assert torch.equal(trained.state_dict()[name], before[name])


def test_running_statistics_begin_anew_too():
    norm = nn.BatchNorm1d(3)
    norm(torch.randn(8, 3) + 5)
    assert torch.equal(begun_anew(nn.Sequential(norm))[0].running_mean, torch.zeros(3))


def test_layers_that_do_not_know_how_they_began_are_named():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.ones(1))

    assert cannot_begin_anew(nn.Sequential(nn.Linear(1, 1), Scale())) == ["1"]
    assert cannot_begin_anew(domain_net(**ARGUMENTS)) == []
