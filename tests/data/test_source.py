"""Batches in order: every row once in an epoch, and no lone row that was not asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tilth as tl
from tilth.data.source import Order, steps_in


@given(st.integers(1, 60), st.integers(1, 60))
def test_an_epoch_visits_every_row_once_and_no_row_alone(count, size):
    size = min(size, count)
    order = Order(np.arange(count), size, seed=0, shuffle=True)
    batches = [order.at(step)[0].tolist() for step in range(order.steps_per_epoch)]
    assert sorted(row for batch in batches for row in batch) == list(range(count))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 1 or 1 in (size, count)
    assert max(sizes) <= size or (size == 2 and sorted(sizes)[-2:] in ([2, 3], [3]))


def test_seven_rows_in_twos_are_two_two_and_three():
    order = Order(np.arange(7), 2, seed=0, shuffle=False)
    assert [len(order.at(step)[0]) for step in range(order.steps_per_epoch)] == [2, 2, 3]


def test_a_plan_counts_the_steps_that_are_made():
    data = tl.arrays(np.random.default_rng(0).normal(size=(9, 3)), np.arange(9) % 2)
    learner = tl.Learner(data, batch_size=2, quiet=True, device="cpu")
    rows = len(data.splits["train"])
    assert (
        learner.plan.steps_per_epoch == learner.parts().source.steps_per_epoch == steps_in(rows, 2)
    )
