"""The detector of collapse fires on rigged generators and is silent on real rows."""

import numpy as np
import pytest

from tests.objectives.mixtures import RING, RING_SPREAD
from tilth.audit.collapse import collapse
from tilth.errors import UserError

CENTRES = RING.numpy().astype(np.float64)


def ring(stream, rows, modes=8, spread=RING_SPREAD):
    centres = CENTRES[stream.integers(0, modes, rows)]
    return centres + spread * stream.normal(size=(rows, 2))


REAL = {
    "eight modes": lambda stream: [ring(stream, 1600) for _ in range(2)],
    "32 features": lambda stream: stream.normal(size=(2, 400, 32)),
    "heavy tails": lambda stream: stream.standard_t(3, size=(2, 800, 4)),
}


@pytest.mark.parametrize("kind", REAL)
def test_it_is_silent_on_real_rows_against_real_rows_in_20_seeds(kind):
    for seed in range(20):
        real, other = REAL[kind](np.random.default_rng(seed))
        found = collapse(real, other, seed=seed)
        assert not found.found and not found.warning(), (seed, found)


RIGGED = {
    "one mode of eight left out": lambda stream: ring(stream, 2000, modes=7),
    "one mode alone": lambda stream: ring(stream, 2000, modes=1),
    "one row": lambda stream: np.repeat(ring(stream, 1), 2000, axis=0),
    "forty rows again and again": lambda stream: ring(stream, 40)[stream.integers(0, 40, 2000)],
    "modes that are too narrow": lambda stream: ring(stream, 2000, spread=RING_SPREAD / 5),
}


@pytest.mark.parametrize("rigged", RIGGED)
@pytest.mark.parametrize("seed", range(3))
def test_it_fires_on_rigged_generators(rigged, seed):
    stream = np.random.default_rng(seed)
    found = collapse(ring(stream, 2000), RIGGED[rigged](stream), seed=seed)
    assert found.found
    assert found.warning().startswith("Mode collapse: ")


def test_it_says_how_much_is_left_out():
    stream = np.random.default_rng(0)
    found = collapse(ring(stream, 4000), ring(stream, 4000, modes=6))
    assert found.missing == pytest.approx(2 / 8, abs=0.03)
    assert found.repeats < 0.1
    assert f"{100 * found.missing:.0f} % of them" in found.warning()
    assert "again" not in found.warning()


def test_rows_that_repeat_in_the_data_are_no_collapse():
    stream = np.random.default_rng(0)
    kept = ring(stream, 300)
    found = collapse(*(kept[stream.integers(0, 300, 2000)] for _ in range(2)))
    assert not found.found
    fresh = collapse(kept[stream.integers(0, 300, 2000)], ring(stream, 2000))
    assert fresh.repeats < 0


def test_too_few_rows_are_refused():
    with pytest.raises(UserError, match="199 generated rows"):
        collapse(np.zeros((300, 2)), np.zeros((199, 2)))
