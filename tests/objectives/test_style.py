"""Style transfer: by hand, and a picture trained by the one loop into another's style."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.objectives.seen import painter, vgg_body
from tests.stop_at import StopAt
from tilth.contracts import Batch, Player
from tilth.data.resident_store import ResidentStore
from tilth.data.source import DatasetSource
from tilth.errors import UserError
from tilth.nn.feature_net import FeatureNet, gram
from tilth.nn.picture import Picture
from tilth.objectives.style import StyleTransfer
from tilth.train.loop import Loop

STREAM = torch.Generator().manual_seed(0)
PHOTO = torch.rand(1, 3, 16, 16, generator=STREAM)
STRIPES = (torch.arange(24) % 4 < 2).float().expand(1, 3, 24, 24) * 1.0
BATCH = Batch(torch.rand(4, 3, 16, 16, generator=STREAM), torch.zeros(4), torch.arange(4))


def features():
    return FeatureNet(vgg_body(width=8, stages=2))


CASES = {
    "StyleTransfer": {
        "a net": lambda: (StyleTransfer(features(), STRIPES), painter(), BATCH),
        "smooth": lambda: (
            StyleTransfer(features(), STRIPES, variation=0.5, content_weights=[1, 1]),
            painter(),
            BATCH,
        ),
    },
}
"""What tests/contracts/test_objectives.py holds these to, made anew for each test."""


def test_the_terms_by_hand():
    seen_by, model = features(), painter()
    found = StyleTransfer(seen_by, STRIPES, variation=2.0, style_weights=[3, 1])(model, BATCH, None)
    pictures = model(BATCH.inputs)
    first, second = seen_by(pictures)
    content = F.mse_loss(second, seen_by(BATCH.inputs)[1])
    torch.testing.assert_close(found.parts["content"].total / 4, content)
    wanted = [gram(one).expand(4, -1, -1) for one in seen_by(STRIPES)]
    style = 3 * F.mse_loss(gram(first), wanted[0]) + F.mse_loss(gram(second), wanted[1])
    torch.testing.assert_close(found.parts["style"].total / 4, style)
    assert found.parts["style"].weight == 1e3 and found.parts["variation"].weight == 2.0


def test_a_picture_in_its_own_style_has_nothing_to_lose():
    objective = StyleTransfer(features(), PHOTO)
    parts = objective(Picture(PHOTO), Batch(PHOTO, torch.zeros(1), torch.arange(1)), None).parts
    assert {name: float(term.total.detach()) for name, term in parts.items()} == {
        "content": 0,
        "style": 0,
    }


def painting_loop(start, steps=60):
    picture = Picture(start)
    store = ResidentStore(PHOTO)
    source = DatasetSource(
        store, torch.zeros(1), np.arange(1), 1, prepare=lambda raw, keys, epoch: raw
    )
    parameters = list(picture.parameters())
    player = Player(parameters, torch.optim.Adam(parameters, 0.05))
    objective = StyleTransfer(features(), STRIPES, style=1e3)
    return Loop(picture, [objective], source, {"model": player}, total_steps=steps)


def style_of(picture):
    objective = StyleTransfer(features(), STRIPES)
    batch = Batch(PHOTO, torch.zeros(1), torch.arange(1))
    return float(objective(picture, batch, None).parts["style"].total.detach())


def test_a_picture_takes_on_a_style_through_the_one_loop_like_by_hand():
    loop = painting_loop(PHOTO)
    before = style_of(loop.model)
    loop.fit()
    assert style_of(loop.model) < 0.1 * before
    pixels = PHOTO.clone().requires_grad_()
    optimizer, seen_by = torch.optim.Adam([pixels], 0.05), features()
    wanted, content = [gram(one) for one in seen_by(STRIPES)], seen_by(PHOTO)[1]
    for _ in range(60):
        optimizer.zero_grad()
        seen = seen_by(pixels)
        style = sum(F.mse_loss(gram(a), b) for a, b in zip(seen, wanted, strict=True))
        (F.mse_loss(seen[1], content) + 1e3 * style).backward()
        optimizer.step()
    torch.testing.assert_close(loop.model.pixels, pixels, rtol=0, atol=1e-3)


def test_the_painting_goes_on_to_the_bit():
    whole = painting_loop(PHOTO, 20)
    whole.fit()
    first = painting_loop(PHOTO, 20)
    first.hooks.append(StopAt(7))
    first.fit()
    second = painting_loop(torch.zeros_like(PHOTO), 20)
    second.load_state_dict({**first.state_dict(), "hooks": []})
    second.fit()
    assert torch.equal(second.model.pixels, whole.model.pixels)


def test_a_run_goes_on_with_its_own_net_and_picture():
    state = StyleTransfer(features(), STRIPES).state_dict()
    StyleTransfer(features(), STRIPES.clone()).load_state_dict(state)
    with pytest.raises(UserError, match=r"style picture .* began with"):
        StyleTransfer(features(), 1 - STRIPES).load_state_dict(state)
    other = FeatureNet(vgg_body(width=4, stages=2))
    with pytest.raises(UserError, match=r"features .* began with"):
        StyleTransfer(other, STRIPES).load_state_dict(state)


def test_several_style_pictures_are_refused():
    with pytest.raises(UserError, match="one picture"):
        StyleTransfer(features(), STRIPES.expand(2, -1, -1, -1))
