"""Short numbers are widened, wide ones stay."""

import pytest
import torch

from tilth.nn.precision import at_least_float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_short_numbers_become_float32_with_their_values(dtype):
    values = torch.tensor([1.5, -0.25, 3.0], dtype=dtype)
    found = at_least_float32(values)
    assert found.dtype == torch.float32 and found.tolist() == [1.5, -0.25, 3.0]


def test_float64_is_the_same_tensor():
    values = torch.tensor([0.1], dtype=torch.float64)
    assert at_least_float32(values) is values
