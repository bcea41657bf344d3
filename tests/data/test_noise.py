"""Random numbers that come with the batch: a stream of the source's own, resumed exactly."""

import torch

from tilth.contracts import BaseSource, Batch, Context
from tilth.data.noise import WithNoise
from tilth.randomness import fold


class Counting(BaseSource):
    """Three rows a step, for two steps more than it has given."""

    def __init__(self, last=4):
        self.step, self.last = 0, last

    def next(self, model, context):
        if self.step == self.last:
            return None
        self.step += 1
        rows = torch.arange(3) + 3 * self.step
        return Batch(rows.float(), rows % 2, rows)

    def state_dict(self):
        return {"step": self.step}

    def load_state_dict(self, state):
        self.step = state["step"]


def context():
    return Context(0, 0.0, 0, torch.Generator(), torch.device("cpu"))


def test_draws_are_those_of_one_generator_in_order():
    source = WithNoise(Counting(), {"latent": (2,), "mix_uniform": ()}, seed=5)
    by_hand = torch.Generator().manual_seed(fold(5, "noise", 0))
    for _ in range(3):
        batch = source.next(None, context())
        assert torch.equal(batch.noise["latent"], torch.randn(3, 2, generator=by_hand))
        assert torch.equal(batch.noise["mix_uniform"], torch.rand(3, generator=by_hand))
        assert torch.equal(batch.inputs, batch.rows.float())


def test_it_goes_on_where_it_was_left_and_ends_with_its_source():
    whole, first = (WithNoise(Counting(), {"latent": (2,)}) for _ in range(2))
    for _ in range(2):
        whole.next(None, context()), first.next(None, context())
    again = WithNoise(Counting(), {"latent": (2,)})
    again.load_state_dict(first.state_dict())
    for _ in range(2):
        wanted, found = whole.next(None, context()), again.next(None, context())
        assert torch.equal(wanted.rows, found.rows)
        assert torch.equal(wanted.noise["latent"], found.noise["latent"])
    assert again.next(None, context()) is None


def test_a_state_of_before_the_first_batch_begins_anew():
    source = WithNoise(Counting(), {"latent": (1,)})
    state = source.state_dict()
    first = source.next(None, context()).noise["latent"]
    source.load_state_dict({**state, "source": {"step": 0}})
    assert torch.equal(source.next(None, context()).noise["latent"], first)
