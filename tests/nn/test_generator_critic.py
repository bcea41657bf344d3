"""What a generator makes of latents."""

import torch

from tilth.models.dcgan import dcgan
from tilth.nn.generator_critic import latent_of, latents_for, sampled


def test_samples_are_made_in_evaluation_mode_by_pieces_and_modes_are_put_back():
    torch.manual_seed(0)
    model = dcgan(channels=1, size=8, latent=3, width=4, classes=2).train()
    latents, labels = latents_for(model, 503, seed=1), torch.arange(503) % 2
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = sampled(model, latents, labels)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with torch.no_grad():
        wanted = model.eval().generator(latents, labels)
    torch.testing.assert_close(found, wanted)
    assert torch.equal(latents, latents_for(model, 503, seed=1))
    assert not torch.equal(latents, latents_for(model, 503, seed=2))
    assert abs(float(latents.std()) - 1) < 0.1 and latents.shape == (503, latent_of(model))
