"""Code that the pages show without running it: it runs, on small data under the names they use."""

from __future__ import annotations

import re
import shlex

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import tilth as tl
from tests.cli.calling import call
from tests.house.tree import ROOT
from tilth.contracts import Batch

SMALLER = {"size=128": "size=16", "fit(5": "fit(1", "fit(3": "fit(1"}
"""What a reader would wait for is cut; everything else is what is printed."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the data that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    stream = np.random.default_rng(0)
    for label, level in (("daisy", 60), ("tulip", 180)):
        (tmp_path / "flowers" / label).mkdir(parents=True)
        for number in range(40):
            pixels = np.clip(stream.normal(level, 30, (20, 20, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "flowers" / label / f"{number}.png")
    picture = Image.open(tmp_path / "flowers" / "tulip" / "0.png")
    picture.save(tmp_path / "new.jpg")
    (tmp_path / "new").mkdir()
    picture.save(tmp_path / "new" / "one.png")
    area = stream.normal(100, 20, 200)
    houses = pl.DataFrame({"area": area, "price": 2 * area + stream.normal(size=200)})
    houses.write_csv(tmp_path / "houses.csv")
    salary = pl.Series(np.where(area > 100, "high", "low"))
    houses.with_columns(salary=salary).write_csv(tmp_path / "adult.csv")
    return tmp_path


def names():
    """Return the objects that snippets use without making them."""
    from torch.utils.data import TensorDataset

    x = torch.randint(0, 256, (200, 1, 12, 12), dtype=torch.uint8)
    y = torch.arange(200) % 2
    sets = [TensorDataset(torch.randn(n, 4), torch.arange(n) % 2) for n in (200, 60)]
    return {
        "x": x,
        "y": y,
        "train_set": sets[0],
        "valid_set": sets[1],
        "net": torch.nn.Linear(4, 2),
    }


class MyNet(torch.nn.Sequential):
    """A model of the reader's own."""

    def __init__(self) -> None:
        super().__init__(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 2))


def fences(page):
    """Return the page's Python fences."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python(?: run)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def ours(page):
    """Return the page's Python fences that are tilth's side."""
    return [fence for fence in fences(page) if "import tilth" in fence and "# fastai" not in fence]


SNIPPETS = [
    pytest.param(code, id=f"{page}-{number}")
    for page in ("README.md", "docs/index.md", "docs/coming_from.md")
    for number, code in enumerate(ours(page))
]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("code", SNIPPETS)
def test_python_that_is_shown_runs(code):
    for long, short in SMALLER.items():
        code = code.replace(long, short)
    exec(compile(code, "snippet", "exec"), names())


def test_the_pages_on_adding_and_on_bundles_run(here):
    """What the page of additions defines works in the loop; the bundles page finds its bundles."""
    made: dict[str, object] = {"__name__": "page"}
    for code in fences("docs/how_to_add.md"):
        exec(compile(code, "how_to_add.md", "exec"), made)
    model = made["wide_mlp"](channels=1, size=2, outputs=1, width=8)
    batch = Batch(torch.randn(6, 1, 2, 2), torch.arange(6) % 2, torch.arange(6))
    outputs = model(batch.inputs).detach().flatten().tolist()
    expected = sum(max(0.0, 1 - value * (-1, 1)[row % 2]) for row, value in enumerate(outputs))
    found = made["Hinge"]()(model, batch, None).parts["hinge"]
    assert (found.total.item(), found.count) == (pytest.approx(expected), 6)

    net, frame = MyNet(), pl.read_csv(here / "houses.csv")
    data = tl.images(here / "flowers", size=16)
    once = {"epochs": 1, "lr": 0.01, "quiet": True}
    tl.Learner(data, run="a", **once).fit().export("flowers-model")
    tl.Learner(data, net, run="b", **once).fit().export("my-model")
    tl.Learner(tl.table(frame, "price"), run="c", **once).fit().export("houses-model")
    shared = {"data": data, "frame": frame, "MyNet": MyNet}
    shown = fences("docs/bundles.md")
    assert len(shown) == 4
    for code in shown:
        exec(compile(code, "bundles.md", "exec"), shared)
    assert shared["learn"].architecture["name"] == "small_resnet"


def test_there_is_a_snippet_beside_each_peer():
    assert len(ours("docs/coming_from.md")) == 4


def test_the_command_lines_of_the_readme_run_as_printed(here):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## On the command line", 1)[1]
    lines = re.search(r"```bash\n(.*?)```", section, re.DOTALL)[1].splitlines()
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[0] == "tilth"
        if words[1] == "train":
            words += ["--epochs", "1", "--size", "16", "-q"]
        code, out, err = call(*words[1:])
        # a run that is done is not gone on with, and says so
        expected = 2 if words[1] == "resume" else 0
        assert code == expected, f"{line}\n{out}\n{err}"
    assert len(pl.read_csv(here / "answers.csv")) == 1


def test_the_readme_trains_on_pictures_without_labels(here):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Without labels", 1)[1]
    line = re.search(r"```bash\n(.*?)\n", section)[1]
    (here / "flowers" / "daisy").rename(here / "pictures")
    words = shlex.split(line, comments=True)
    code, _, err = call(*words[1:], "--epochs", "1", "--size", "8", "-q")
    assert code == 0, err
    assert tl.load(here / "runs" / "pictures").sample(2).shape[1:] == (3, 8, 8)


def test_the_readme_teaches_pictures_more_than_a_class(here):
    """Each command of the section as printed, on a few small pictures."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Pictures with more than a class", 1)[1]
    lines = re.search(r"```bash\n(.*?)```", section, re.DOTALL)[1].splitlines()
    pictures = sorted((here / "flowers").rglob("*.png"))
    for folder in ("faces", "photos", "streets", "streets-masks"):
        (here / folder).mkdir()
    for number, picture in enumerate(pictures):
        opened = Image.open(picture)
        opened.save(here / "faces" / f"{number}.png")
        opened.save(here / "photos" / f"{number}.png")
        opened.save(here / "streets" / f"{number}.png")
        mask = (np.asarray(opened.convert("L")) > 120).astype(np.uint8)
        Image.fromarray(mask).save(here / "streets-masks" / f"{number}.png")
    ages = [f"{number}.png,{number % 60 + 0.5}" for number in range(len(pictures))]
    (here / "faces.csv").write_text("\n".join(["file,age", *ages]) + "\n")
    small = ["--epochs", "1", "--size", "16", "-q"]
    for run in ("flowers", "pets"):
        code, _, err = call("train", "flowers/", "-o", f"runs/{run}", *small)
        assert code == 0, err
    for line in lines:
        words = shlex.split(line, comments=True)
        more = small if words[1] == "train" else ["--json", "--folds", "2", "--epochs", "1"]
        code, out, err = call(*words[1:], *more)
        assert code == 0, f"{line}\n{out}\n{err}"
    assert [line.split()[1] for line in lines] == ["train"] * 4 + ["review"]
