"""Starting a generator and a critic from weights of their own."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tilth.errors import UserError
from tilth.models.mlp_gan import mlp_gan
from tilth.nn.generator_critic import start_from


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
