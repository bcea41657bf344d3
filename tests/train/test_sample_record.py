"""A record of samples: taken at its steps, of the same latents, without touching the training."""

import torch
from torch import nn

from tests.objectives.mixtures import RING, RING_SPREAD, Mixture
from tests.stop_at import StopAt
from tilth.contracts import Player
from tilth.data.noise import WithNoise
from tilth.models.dcgan import dcgan
from tilth.models.mlp_gan import mlp_gan
from tilth.objectives.adversarial import CriticObjective, GeneratorObjective
from tilth.train.loop import Loop
from tilth.train.sample_record import SampleRecord
from tilth.train.state import pack, unpack

LATENT = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))


def make_loop(hooks=(), steps=16, looks=4):
    torch.manual_seed(0)
    model = mlp_gan(width=8, depth=1)
    players = {
        name: Player(list(part.parameters()), torch.optim.SGD(part.parameters(), 0.1))
        for name, part in model.named_children()
    }
    generator = GeneratorObjective()
    record = SampleRecord(lambda model: generator.sample(model, LATENT), looks=looks)
    source = WithNoise(Mixture(RING, RING_SPREAD, rows=8), {"latent": (2,)})
    parts = [CriticObjective(), generator]
    return Loop(model, parts, source, players, total_steps=steps, hooks=[record, *hooks]), record


def test_looks_are_at_squares_and_show_the_averaged_generator():
    loop, record = make_loop()
    loop.fit()
    assert list(record.samples) == [0, 1, 4, 9, 16]
    averaged = loop.objectives[1].averaged(loop.model)
    with torch.no_grad():
        assert torch.equal(record.samples[16], averaged(LATENT))
        assert not torch.equal(record.samples[16], loop.model(LATENT))
    assert not torch.equal(record.samples[0], record.samples[1])


def test_training_is_the_same_with_it():
    loop, record = make_loop()
    loop.hooks.remove(record)
    loop.fit()
    watched, _ = make_loop()
    watched.fit()
    assert all(map(torch.equal, loop.model.parameters(), watched.model.parameters()))


def test_it_goes_on_after_a_stop():
    whole, kept = make_loop()
    whole.fit()
    first, _ = make_loop(hooks=[StopAt(5)])
    first.fit()
    state = unpack(*pack(first.state_dict()))
    second, record = make_loop()
    second.load_state_dict({**state, "hooks": state["hooks"][:1]})
    second.fit()
    assert list(record.samples) == list(kept.samples)
    assert all(torch.equal(record.samples[step], kept.samples[step]) for step in kept.samples)


def test_pictures_are_kept_as_bytes_and_norms_are_left_alone():
    torch.manual_seed(0)
    model = dcgan(channels=1, size=8, latent=2, width=4)
    generator = GeneratorObjective(average_decay=None)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    record = SampleRecord(lambda model: generator.sample(model, LATENT))
    loop = Loop(model, [], Mixture(RING, RING_SPREAD), {}, total_steps=1)
    model.train()
    record.on_start(loop)
    assert model.generator.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with torch.no_grad():
        pictures = model.generator.eval()(LATENT)
    wanted = ((pictures + 1) * 127.5).round().to(torch.uint8)
    assert torch.equal(record.samples[0], wanted)
    assert nn.functional.mse_loss(wanted.float() / 127.5 - 1, pictures) < 1e-4
