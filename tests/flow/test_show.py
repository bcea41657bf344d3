"""What learn.show_results() says of rows: the answers are given, and the captions by hand."""

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl

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
    assert found == [f"{one or 'none'}, {said}" for one in true]
    assert titles(learner(data, -9.0, -9.0, -9.0).show_results(1))[0].endswith(", none")


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
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert (shown[..., 0] != shown[..., 1]).any()  # drawn in colour into a grey picture


@pytest.mark.parametrize("pictures", [True, False])
def test_of_numbers_both(pictures):
    numbers = STREAM.normal(50, 10, 80)
    inputs = PICTURES if pictures else STREAM.normal(size=(80, 2))
    data = tl.arrays(inputs, numbers, task="regress") if pictures else tl.arrays(inputs, numbers)
    valid = data.splits["valid"]
    shown = learner(data, 0.0).show_results(len(valid))
    found = titles(shown) if pictures else shown["true, answer"].to_list()
    assert found == [f"{numbers[row]:.4g}, {data.target.mean:.4g}" for row in valid]
