"""What learn.show_results() says of rows: the answers are given, and the captions by hand."""

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl
from tilth.flow.show import WRONG

BEGINS = "The net as it is before any fit"
STREAM = np.random.default_rng(0)
PICTURES = STREAM.integers(0, 255, (80, 12, 16), dtype=np.uint8)


class Says(nn.Module):
    """The same outputs for every row."""

    def __init__(self, *outputs):
        super().__init__()
        self.outputs = nn.Parameter(torch.tensor(outputs))

    def forward(self, inputs):
        return self.outputs.expand(len(inputs), -1)


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.images]


def learner(data, *outputs):
    return tl.Learner(data, Says(*outputs), quiet=True, device="cpu")


def test_of_several_labels_those_there_and_those_said():
    there = STREAM.integers(0, 2, (80, 3))
    data = tl.arrays(PICTURES, there, task="multilabel")
    valid = data.splits["valid"]
    names = data.target.labels
    found = titles(learner(data, 9.0, -9.0, 0.5).show_results(len(valid)))
    said = f"{names[0]} 100% + {names[2]} 62%"
    true = [" + ".join(n for n, one in zip(names, there[row], strict=True) if one) for row in valid]
    assert found == [f"true {one or 'none'}\nsaid {said}" for one in true]
    assert titles(learner(data, -9.0, -9.0, -9.0).show_results(1))[0].endswith("\nsaid none")


def test_of_points_how_far_they_are_off_and_where_they_are():
    points = np.stack([np.full((80, 2), [2.5, 1.5]), STREAM.integers(6, 11, (80, 2))], axis=1)
    data = tl.arrays(PICTURES, points, task="keypoints")
    valid = data.splits["valid"]
    figure = learner(data, 0.0, 0.0, 0.0, 0.0).show_results(len(valid))
    middle, true = np.array([7.5, 5.5]), points[valid]
    size = np.sqrt((true[:, 1] - true[:, 0]).prod(axis=1))
    gaps = np.linalg.norm(true - middle, axis=2) / size[:, None]
    assert titles(figure) == [
        f"error {gap.mean():.3f}, {(gap <= 0.1).mean():.0%} found" for gap in gaps
    ]
    shown = np.asarray(figure.axes[0].images[0].get_array()).astype(int)
    green, red = (shown[..., one] - shown[..., 1 - one] for one in (1, 0))
    y, x = (int((place + 0.5) * 20) for place in points[valid[0], 1][::-1])  # 20 px for each
    assert green[y, x] > 100 and (red > 100).any()
    assert figure.get_suptitle().endswith("green: true; red: said")


def test_of_classes_those_that_are_wrong_have_a_red_title():
    classes = STREAM.integers(0, 2, 80)
    data = tl.arrays(PICTURES, classes)
    valid = data.splits["valid"]
    learn = learner(data, 2.0, 0.0)
    figure = learn.show_results(len(valid))
    assert titles(figure) == [f"true {classes[row]}\nsaid 0 88%" for row in valid]
    colours = [axis.title.get_color() for axis in figure.axes if axis.images]
    assert [one == WRONG for one in colours] == [classes[row] == 1 for row in valid]
    assert figure.get_suptitle() == f"{BEGINS}\na red title: wrong"


def test_a_net_that_was_not_fitted_is_said_to_be_as_it_begins(tmp_path):
    for inputs in (PICTURES, STREAM.normal(size=(80, 2))):
        data = tl.arrays(inputs, STREAM.integers(0, 2, 80))
        learn = tl.Learner(
            data, Says(0.0, 0.1), quiet=True, device="cpu", run=tmp_path / str(inputs.ndim)
        )
        before = learn.show_results(3)
        learn.fit(1, lr=0.01)
        after = learn.show_results(3)
        if inputs.ndim == 3:
            assert BEGINS in before.get_suptitle() and BEGINS not in after.get_suptitle()
        else:
            assert before.columns[-1] == "true, answer (before any fit)"
            assert after.columns[-1] == "true, answer"


@pytest.mark.parametrize("pictures", [True, False])
def test_of_numbers_both(pictures):
    numbers = STREAM.normal(50, 10, 80)
    inputs = PICTURES if pictures else STREAM.normal(size=(80, 2))
    data = tl.arrays(inputs, numbers, task="regress") if pictures else tl.arrays(inputs, numbers)
    valid = data.splits["valid"]
    shown = learner(data, 0.0).show_results(len(valid))
    found = titles(shown) if pictures else shown["true, answer (before any fit)"].to_list()
    between = "\n" if pictures else ", "
    said = f"said {data.target.mean:.4g}"
    assert found == [f"true {numbers[row]:.4g}{between}{said}" for row in valid]
