"""Starting a generator and a critic from weights of their own."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tilth.errors import UserError
from tilth.models.dcgan import dcgan
from tilth.models.mlp_gan import mlp_gan
from tilth.nn.generator_critic import latent_of, latents_for, sampled, start_from


def pair(seed):
    torch.manual_seed(seed)
    return mlp_gan(width=8, depth=1)


@pytest.mark.parametrize("part", ["generator", "critic"])
def test_weights_are_taken_to_the_bit_and_the_other_part_stays(part, tmp_path):
    given, model, before = pair(0), pair(1), pair(1).state_dict()
    save_file(given.get_submodule(part).state_dict(), tmp_path / "part.safetensors")
    start_from(model, {part: tmp_path / "part.safetensors"})
    for name, value in model.state_dict().items():
        wanted = given.state_dict() if name.startswith(part) else before
        assert torch.equal(value, wanted[name])


def test_what_does_not_fit_is_told(tmp_path):
    save_file(nn.Linear(2, 1).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"other.safetensors for the critic"):
        start_from(pair(0), {"critic": tmp_path / "other.safetensors"})
    with pytest.raises(UserError, match=r"weights for 'teacher'"):
        start_from(pair(0), {"teacher": tmp_path / "other.safetensors"})
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match=r"bad.safetensors for the generator"):
        start_from(pair(0), {"generator": tmp_path / "bad.safetensors"})


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
