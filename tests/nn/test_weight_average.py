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


def test_running_statistics_are_averaged_with_the_weights_and_the_network_left_alone():
    net = nn.BatchNorm1d(2)
    average = WeightAverage(0.1)
    for weight, mean, count in ((1.0, 2.0, 7), (3.0, 4.0, 9)):
        with torch.no_grad():
            net.weight.fill_(weight)
        net.running_mean.fill_(mean), net.num_batches_tracked.fill_(count)
        average.update(net)
    other = average.of(net)
    torch.testing.assert_close(other.weight, torch.full((2,), 1 + 0.9 * 2))
    torch.testing.assert_close(other.running_mean, torch.full((2,), 2 + 0.9 * 2))
    assert int(other.num_batches_tracked) == 9
    assert net.weight.tolist() == [3.0, 3.0] and net.running_mean.tolist() == [4.0, 4.0]
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
