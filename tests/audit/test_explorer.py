import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.audit.test_latent import decode
from tilth.audit.explorer import explorer, explorers
from tilth.audit.latent import STEPS


def test_the_page_holds_each_pair_of_values_in_its_place():
    base, spread = torch.tensor([0.5, 0.4]), torch.tensor([0.2, 0.16])
    found = explorer(decode, base, spread, 0, 1)
    assert (found["height"], found["width"]) == (2, 2)
    across, down = found["across"]["values"], found["down"]["values"]
    assert across == pytest.approx(np.linspace(0, 1, STEPS).tolist(), abs=1e-6)
    assert down == pytest.approx(np.linspace(0, 0.8, STEPS).tolist(), abs=1e-6)
    with Image.open(io.BytesIO(base64.b64decode(found["png"]))) as picture:
        page = np.asarray(picture)
    assert page.shape == (2 * STEPS, 2 * STEPS)
    for row in (0, 3, 8):
        for column in (0, 5, 8):
            values = decode(torch.tensor([[across[column], down[row]]]))[0, 0]
            wanted = (values.clamp(0, 1) * 255).round().numpy()
            place = page[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            np.testing.assert_allclose(place, wanted, atol=1)


def test_pairs_are_taken_in_order_and_rows_of_numbers_have_none():
    base, spread = torch.zeros(5), torch.ones(5)
    found = explorers(decode, base, spread, [4, 0, 3, 1, 2])
    assert [(one["across"]["latent"], one["down"]["latent"]) for one in found] == [(4, 0), (3, 1)]
    assert explorers(lambda codes: codes, base, spread, [0, 1]) == []
    assert explorers(decode, base, spread, [2]) == []
