"""A pool of earlier pictures: filled, then half old and half new, every place alike."""

import pytest
import torch
from scipy import stats

from tilth.contracts import BaseSource, Batch, Context, Loss
from tilth.data.image_pool import WithImagePool
from tilth.data.paired import Pair
from tilth.errors import UserError


class Numbered(BaseSource):
    """Pairs of one-pixel pictures that hold the number of their row."""

    def __init__(self, rows):
        self.rows, self.step = rows, 0

    def next(self, model, context):
        rows = torch.arange(self.rows) + self.rows * self.step
        self.step += 1
        pictures = rows.float()[:, None, None, None]
        return Batch(Pair(pictures, -pictures), torch.zeros(self.rows, 0), rows)

    def state_dict(self):
        return {"step": self.step}

    def load_state_dict(self, state):
        self.step = state["step"]


CONTEXT = Context(0, 0.0, 0, torch.Generator(), torch.device("cpu"))


def steps(source, count, parts=1):
    """Run ``count`` steps whose new pictures are the rows' numbers; yield the batches."""
    for _ in range(count):
        batch = source.next(None, CONTEXT)
        yield batch
        made = zip(*(side.chunk(parts) for side in batch.inputs), strict=True)
        source.observe(batch, [Loss({}, Pair(*one)) for one in made], None, CONTEXT)


def reference(size, draws):
    """Return what the published pool gives for row after row (one row a batch)."""
    pool, given = [], []
    for row, (whether, which) in enumerate(draws.tolist()):
        if len(pool) < size:
            pool.append(float(row))
            given.append(float(row))
        elif whether < 0.5:
            place = int(which * size)
            given.append(pool[place])
            pool[place] = float(row)
        else:
            given.append(float(row))
    return pool, given


def shown(batch, side=0):
    """Return the pictures that a critic sees."""
    old = batch.use_earlier[side][:, None, None, None]
    return torch.where(old, batch.earlier[side], batch.inputs[side]).flatten()


@pytest.mark.parametrize("side", [0, 1])
def test_one_row_at_a_time_it_is_the_published_pool(side):
    source = WithImagePool(Numbered(1), size=5, seed=3)
    batches = list(steps(source, 120))
    draws = torch.cat([batch.noise["pool_uniform"][:, side] for batch in batches])
    pool, given = reference(5, draws)
    sign = (1, -1)[side]
    assert [sign * float(shown(batch, side)) for batch in batches] == given
    assert (sign * source.pools[side]).flatten().tolist() == pool


def test_half_are_old_every_place_is_as_likely_and_they_stay_as_long_as_chance_says():
    source, size, rows = WithImagePool(Numbered(8), size=50), 50, 8
    taken, ages, draws = [], [], []
    for step, batch in enumerate(steps(source, 500)):
        draws.append(batch.noise["pool_uniform"][:, 0, 1])
        old = batch.use_earlier.source
        assert not bool(old.any()) or step * rows >= size
        if step * rows >= size:
            taken.append(old)
            ages.append((batch.rows - batch.earlier.source.flatten())[old])
    taken, ages = torch.cat(taken), torch.cat(ages)
    # a binomial of 1/2, and a place is left with chance 1/100 a row: 100 rows on average
    assert stats.binomtest(int(taken.sum()), len(taken)).pvalue > 0.01
    assert abs(float(ages.mean()) - 2 * size) < 4 * float(ages.std()) / len(ages) ** 0.5 + rows
    places = (torch.cat(draws) * size).long()
    assert stats.chisquare(torch.bincount(places, minlength=size).numpy()).pvalue > 0.01


def test_the_pools_of_both_domains_choose_apart():
    last = list(steps(WithImagePool(Numbered(64), size=10), 20))[-1]
    assert not torch.equal(last.use_earlier.source, last.use_earlier.target)
    assert bool((last.earlier.target[last.use_earlier.target] < 0).all())
    assert bool((last.earlier.source[~last.use_earlier.source] == 0).all())


def test_pieces_of_a_batch_fill_it_like_the_whole():
    whole, pieces = (WithImagePool(Numbered(6), size=20) for _ in range(2))
    found = [list(steps(whole, 9)), list(steps(pieces, 9, parts=3))]
    for a, b in zip(*found, strict=True):
        assert torch.equal(shown(a), shown(b)) and torch.equal(shown(a, 1), shown(b, 1))
    assert torch.equal(whole.pools[1], pieces.pools[1])


def test_goes_on_where_it_was_left():
    whole, first, again = (WithImagePool(Numbered(4), size=6) for _ in range(3))
    wanted = list(steps(whole, 12))
    list(steps(first, 7))
    state = first.state_dict()
    list(steps(first, 3))  # what follows must not reach into the state
    again.load_state_dict(state)
    for a, b in zip(wanted[7:], steps(again, 5), strict=True):
        assert torch.equal(shown(a), shown(b)) and torch.equal(shown(a, 1), shown(b, 1))
    assert torch.equal(whole.pools[0], again.pools[0])


def test_of_size_zero_it_gives_nothing_old():
    source = WithImagePool(Numbered(4), size=0)
    assert not any(bool(b.use_earlier.source.any()) for b in steps(source, 5))
    assert source.pools == [None, None]


def test_another_feedback_is_refused():
    source = WithImagePool(Numbered(2))
    batch = source.next(None, CONTEXT)
    with pytest.raises(UserError, match=r"feedback of type NoneType.*CycleCritic"):
        source.observe(batch, [Loss({})], None, CONTEXT)
