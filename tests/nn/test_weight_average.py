import torch
from torch import nn

from tilth.nn.weight_average import WeightAverage
from tilth.train.state import pack, unpack


def test_it_is_the_weighted_sum_of_all_weights_seen():
    """Unrolled in float64: early updates forget more, (1 + n) / (10 + n)."""
    net, seen = nn.Linear(3, 2).double(), []
    average = WeightAverage(0.5)
    for step in range(30):
        nn.init.normal_(net.weight, generator=torch.Generator().manual_seed(step))
        seen.append(net.weight.detach().clone())
        average.update(net)
    decays = [min(0.5, (1 + n) / (10 + n)) for n in range(1, 30)]
    assert decays[0] == 2 / 11 and decays[-1] == 0.5 and decays[3] < 0.5
    wanted, kept = torch.zeros(2, 3).double(), 1.0
    for weight, decay in zip(seen[:0:-1], decays[::-1], strict=True):
        wanted += kept * (1 - decay) * weight
        kept *= decay
    torch.testing.assert_close(average.of(net).weight, wanted + kept * seen[0])


def test_the_network_itself_is_left_alone_and_buffers_are_its_own():
    net = nn.BatchNorm1d(2)
    average = WeightAverage(0.9)
    average.update(net)
    with torch.no_grad():
        net.weight.fill_(3.0)
    net.running_mean.fill_(5.0)
    other = average.of(net)
    assert other.weight.tolist() == [1.0, 1.0] and other.running_mean.tolist() == [5.0, 5.0]
    assert net.weight.tolist() == [3.0, 3.0]
    assert torch.equal(WeightAverage(0.9).of(net).weight, net.weight)  # nothing was kept yet


def test_its_state_continues_to_the_bit():
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    whole, first = WeightAverage(0.9), WeightAverage(0.9)
    for step in range(9):
        if step == 5:
            second = WeightAverage(0.9)
            second.load_state_dict(unpack(*pack(first.state_dict())))
            first = second
        nn.init.normal_(net.weight)
        whole.update(net), first.update(net)
    assert torch.equal(whole.of(net).weight, first.of(net).weight)
    assert not torch.equal(whole.of(net).weight, net.weight)
