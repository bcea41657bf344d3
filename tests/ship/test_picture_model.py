"""A bundle that restores: any picture, of any size, as the model does it."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tests.tasks.test_restore import LEARNER
from tilth.errors import UserError


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = LEARNER(quiet=True, run=tmp_path_factory.mktemp("runs") / "run").fit()
    run.export()
    return run


def pixels(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def expected(run, array):
    with torch.no_grad():
        found = run.learner.model.eval()(torch.from_numpy(array[None, None] / 255).float())
    return (found[0, 0].clamp(0, 1) * 255).round().byte().numpy()


def near(found, wanted):
    return np.abs(np.asarray(found).astype(int) - wanted.astype(int)).max() <= 1


@pytest.mark.parametrize("size", [(8, 8), (4, 4), (7, 13)])
def test_a_picture_is_restored_in_its_own_size(trained, tmp_path, size):
    model, array = tl.load(trained.path), pixels(*size)
    wanted = expected(trained, array)
    assert wanted.shape == (2 * size[0], 2 * size[1])
    Image.fromarray(array).save(tmp_path / "one.png")
    written = io.BytesIO()
    Image.fromarray(array).save(written, "PNG")
    asked = (array, torch.from_numpy(array), Image.fromarray(array), tmp_path / "one.png")
    for one in (*asked, written.getvalue()):
        found = model.apply(one)
        assert found.size == wanted.shape[::-1] and near(found, wanted)


def test_several_pictures_of_several_sizes_and_a_folder(trained, tmp_path):
    model, arrays = tl.load(trained.path), [pixels(8, 8), pixels(5, 6)]
    for name, array in zip("ab", arrays, strict=True):
        Image.fromarray(array).save(tmp_path / f"{name}.png")
    for asked in (arrays, tmp_path, [tmp_path / "a.png", arrays[1]]):
        for found, array in zip(model.apply(asked), arrays, strict=True):
            assert near(found, expected(trained, array))


def test_what_cannot_be_read_is_named(trained, tmp_path):
    model = tl.load(trained.path)
    (tmp_path / "bad.png").write_bytes(b"")
    Image.fromarray(pixels(8, 8)).save(tmp_path / "good.png")
    with pytest.raises(UserError, match=r"bad\.png"):
        model.apply(tmp_path / "bad.png")
    with pytest.raises(UserError, match="path, the bytes"):
        model.apply(3)
    found = dict(model.apply_items(tmp_path))
    assert isinstance(found[str(tmp_path / "bad.png")], UserError)
    assert found[str(tmp_path / "good.png")].size == (16, 16)


def test_card_and_report_say_how_it_is_asked(trained):
    card = (trained.path / "model" / "README.md").read_text()
    assert "gives pictures back, restored or in another style" in card
    assert 'model.apply("picture.png")' in card
    page = trained.report().read_text()
    assert f"tilth predict {trained.path} new_pictures/ --out answers" in page
