"""Any picture in the style of one, as a task."""

import functools
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tilth as tl
from tests.stop_at import StopAt
from tests.tasks.test_restore import digits
from tilth.audit.looks.stylings import coloured
from tilth.errors import UserError
from tilth.flow.phase import Interrupted


def stripes():
    """Return the path of a picture of stripes."""
    path = Path(tempfile.gettempdir()) / "tilth-test-stripes.png"
    tone = np.repeat((np.arange(20) % 4 < 2)[None] * np.uint8(255), 12, axis=0)
    Image.fromarray(tone).save(path)
    return str(path)


LEARNER = functools.partial(
    tl.Learner,
    digits(),
    task="style",
    task_arguments={"picture": stripes()},
    model_arguments={"width": 4, "blocks": 1},
    epochs=1,
    dtype="float32",
    channels_last=False,  # nothing is timed, so that two runs have the same numerics
)


def test_the_net_takes_the_style_on(tmp_path):
    learn = functools.partial(LEARNER, quiet=True, device="cpu", batch_size=16)
    run = learn(run=tmp_path / "run", epochs=10, lr=5e-3).fit()
    found = run.audit()
    as_it_is = next(one for one in found["baselines"] if one["name"] == "input")["metrics"]
    assert as_it_is["content_distance"]["value"] == 0
    assert found["test"]["style_loss"]["value"] < 0.9 * as_it_is["style_loss"]["value"]
    model = tl.load(run.export())
    pixels = np.random.default_rng(0).integers(0, 256, (9, 14), dtype=np.uint8)
    assert model.apply(pixels).size == (14, 9)


def test_a_run_whose_picture_was_overwritten_does_not_go_on(tmp_path):
    picture = tmp_path / "wave.png"
    tone = np.random.default_rng(0).integers(0, 256, (12, 20), dtype=np.uint8)
    Image.fromarray(tone).save(picture)
    given = {"task_arguments": {"picture": str(picture)}, "run": tmp_path / "run", "epochs": 2}
    with pytest.raises(Interrupted):
        LEARNER(quiet=True, device="cpu", hooks=[StopAt(3)], **given).fit()
    Image.fromarray(255 - tone).save(picture)
    with pytest.raises(UserError, match=r"style picture .* began with"):
        LEARNER(quiet=True, device="cpu", hooks=[StopAt(99)], **given).fit(resume=True)


def test_the_measures_are_those_of_the_objective():
    learner = LEARNER(quiet=True, device="cpu")
    found = learner.validate("test")
    total = found["test/content_distance"] + 1e3 * found["test/style_distance"]
    assert found["test/style_loss"] == pytest.approx(total, rel=1e-5)


def test_colours_take_on_the_mean_and_spread_of_another_picture():
    stream = torch.Generator().manual_seed(0)
    pictures = torch.rand(3, 3, 8, 8, generator=stream)
    painting = 0.4 + 0.1 * torch.rand(1, 3, 9, 5, generator=stream)
    found = coloured(pictures, painting)
    for part in (torch.mean, torch.std):
        torch.testing.assert_close(
            part(found, dim=(2, 3)), part(painting, dim=(2, 3)).expand(3, -1), rtol=1e-4, atol=1e-5
        )


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match="nowhere"):
        LEARNER(quiet=True, task_arguments={"picture": "nowhere.png"})
    with pytest.raises(UserError, match="style_weight"):
        LEARNER(quiet=True, task_arguments={"picture": stripes(), "style_weight": -1})
    with pytest.raises(UserError, match="in their own shape"):
        tl.Learner(
            digits(),
            torch.nn.Flatten(),
            task="style",
            task_arguments={"picture": stripes()},
            quiet=True,
        )._check()


def test_pictures_that_the_net_cannot_take_are_refused():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    learner = tl.Learner(
        tl.arrays(pixels, np.arange(60) % 2),
        task="style",
        task_arguments={"picture": stripes()},
        quiet=True,
        device="cpu",
    )
    with pytest.raises(UserError, match=r"cannot take rows \[2, 1, 4, 4\].*larger pictures"):
        learner.task.check(learner.setup())
