"""CycleGAN's two objectives: by hand, at the identity, and in any number of pieces."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth.contracts import Batch, Player
from tilth.data.image_pool import PooledBatch
from tilth.data.paired import Pair
from tilth.errors import UserError
from tilth.models.cycle_gan import Critics, CycleGan, Translators
from tilth.objectives.cycle import CycleCritic, CycleGenerator, absolute, least_squares
from tilth.train.loop import Loop

STREAM = torch.Generator().manual_seed(0)
ROWS = 5


def pictures():
    return torch.rand(ROWS, 1, 6, 6, generator=STREAM) * 2 - 1


TAKEN = torch.tensor([True, False, False, True, False])
BATCH = PooledBatch(
    Pair(pictures(), pictures()),
    torch.zeros(ROWS, 0),
    torch.arange(ROWS),
    {},
    Pair(pictures(), pictures()),
    Pair(TAKEN, TAKEN.flip(0)),
)


def tiny():
    """Return four small nets, the same every time."""

    def translator():
        layers = [nn.Conv2d(1, 3, 3, padding=1, bias=False), nn.InstanceNorm2d(3, affine=True)]
        return nn.Sequential(*layers, nn.Tanh(), nn.Conv2d(3, 1, 3, padding=1), nn.Tanh())

    def critic():
        layers = [nn.Conv2d(1, 3, 4, stride=2), nn.LeakyReLU(0.2), nn.Conv2d(3, 1, 2)]
        return nn.Sequential(*layers)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CycleGan(Translators(translator(), translator()), Critics(critic(), critic()))


CASES = {
    "CycleCritic": {"half from the pool": lambda: (CycleCritic(), tiny(), BATCH)},
    "CycleGenerator": {
        "the paper's weights": lambda: (CycleGenerator(), tiny(), BATCH),
        "without identity": lambda: (CycleGenerator(cycle=3, identity=0), tiny(), BATCH),
    },
}
"""What tests/contracts/test_objectives.py holds these to, made anew for each test."""


def value(loss):
    """Return what the loop minimises."""
    return sum(term.weight * term.total / term.count for term in loss.parts.values())


def test_the_generators_loss_by_hand():
    model = tiny()
    source, target = BATCH.inputs
    ours = value(CycleGenerator()(model, BATCH, None))
    there, back = model.generator.to_target, model.generator.to_source
    fake_target, fake_source = there(source), back(target)
    ones = torch.ones(ROWS, 1, 1, 1)
    wanted = (
        F.mse_loss(model.critic.target(fake_target), ones)
        + F.mse_loss(model.critic.source(fake_source), ones)
        + 10 * (F.l1_loss(back(fake_target), source) + F.l1_loss(there(fake_source), target))
        + 5 * (F.l1_loss(there(target), target) + F.l1_loss(back(source), source))
    )
    torch.testing.assert_close(ours, wanted)


def test_the_critics_loss_by_hand_with_and_without_earlier_pictures():
    model = tiny()
    ours = value(CycleCritic()(model, BATCH, None))
    wanted = 0.0
    made = (model.generator.to_source(BATCH.inputs.target), model(BATCH.inputs.source))
    for side, critic in enumerate((model.critic.source, model.critic.target)):
        for row in range(ROWS):
            taken = bool(BATCH.use_earlier[side][row])
            fake = BATCH.earlier[side][row] if taken else made[side][row]
            real = critic(BATCH.inputs[side][row : row + 1])
            wanted += ((real - 1) ** 2).mean() / (2 * ROWS)
            wanted += (critic(fake[None]) ** 2).mean() / (2 * ROWS)
    torch.testing.assert_close(ours, wanted)


def test_both_players_feed_back_the_same_new_pictures():
    model = tiny()
    by_critic = CycleCritic()(model, BATCH, None).feedback
    by_generator = CycleGenerator()(model, BATCH, None).feedback
    for side in range(2):
        assert torch.equal(by_critic[side], by_generator[side])
        assert not by_generator[side].requires_grad
    assert torch.equal(by_critic.target, model(BATCH.inputs.source))


def test_no_gradient_of_the_critics_loss_reaches_a_generator():
    model = tiny()
    value(CycleCritic()(model, BATCH, None)).backward()
    assert all(p.grad is None for p in model.generator.parameters())
    assert all(p.grad is not None for p in model.critic.parameters())


def test_identity_generators_have_no_cycle_and_no_identity_loss():
    model = CycleGan(Translators(nn.Identity(), nn.Identity()), tiny().critic)
    parts = CycleGenerator()(model, BATCH, None).parts
    assert float(parts["cycle"].total) == float(parts["identity"].total) == 0
    assert float(parts["adversarial"].total.detach()) > 0


def test_generators_that_undo_each_other_have_no_cycle_loss_but_an_identity_loss():
    class Negative(nn.Module):
        def forward(self, x):
            return -x

    model = CycleGan(Translators(Negative(), Negative()), tiny().critic)
    parts = CycleGenerator()(model, BATCH, None).parts
    assert float(parts["cycle"].total) == 0
    wanted = 2 * sum(side.abs().mean(dim=(1, 2, 3)).sum() for side in BATCH.inputs)
    torch.testing.assert_close(parts["identity"].total, wanted)


def test_losses_are_sums_over_rows_of_means_over_the_rest():
    scores = torch.randn(4, 1, 3, 2)
    torch.testing.assert_close(
        least_squares(scores, 1), 4 * F.mse_loss(scores, torch.ones_like(scores))
    )
    other = torch.randn(4, 1, 3, 2)
    torch.testing.assert_close(absolute(scores, other), 4 * F.l1_loss(scores, other))


class Same:
    exact_resume = True

    def next(self, model, context):
        return self.batch

    def rows_of(self, step):
        return None

    def observe(self, batch, losses, model, context):
        self.made = losses


@pytest.mark.parametrize("parts", [2, 5])
def test_pieces_of_a_batch_make_the_same_step(parts):
    start = tiny().double()
    batch = PooledBatch(
        Pair(*(side.double() for side in BATCH.inputs)),
        BATCH.targets,
        BATCH.rows,
        {},
        Pair(*(side.double() for side in BATCH.earlier)),
        BATCH.use_earlier,
    )
    ends = []
    for pieces in (1, parts):
        model, source = copy.deepcopy(start), Same()
        source.batch = batch
        players = {
            name: Player(list(net.parameters()), torch.optim.SGD(net.parameters(), 0.01))
            for name, net in (("generator", model.generator), ("critic", model.critic))
        }
        objectives = [CycleCritic(), CycleGenerator()]
        Loop(model, objectives, source, players, total_steps=4, micro_batches=pieces).fit()
        ends.append(model.state_dict())
        assert len(source.made) == pieces
    for name, wanted in ends[0].items():
        torch.testing.assert_close(ends[1][name], wanted, rtol=0, atol=1e-12)
        assert not torch.equal(wanted, start.state_dict()[name]), name


def test_a_batch_without_pool_and_negative_weights_are_refused():
    plain = Batch(BATCH.inputs, BATCH.targets, BATCH.rows)
    with pytest.raises(UserError, match=r"type Batch for CycleCritic.*size=0"):
        CycleCritic()(tiny(), plain, None)
    with pytest.raises(UserError, match="identity=-1"):
        CycleGenerator(identity=-1)
