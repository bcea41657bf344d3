"""Memory that runs out: the batch is cut finer, and the step is the one it would have been."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from tilth.contracts import BaseObjective, BaseSource, Batch, Loss, Player, Term
from tilth.errors import TilthError
from tilth.objectives.supervised import Supervised, squared_error
from tilth.train.buffers import Buffers
from tilth.train.evaluate import evaluate, in_parts
from tilth.train.loop import Loop
from tilth.train.lr_finder import find_lr
from tilth.train.memory_shortage import cut_finer, is_shortage
from tilth.train.numerics import Numerics

ROOT = Path(__file__).parents[2]
STREAM = torch.Generator().manual_seed(0)
INPUTS = torch.randn(12, 3, generator=STREAM, dtype=torch.float64)
BATCH = Batch(INPUTS, INPUTS.sum(1), torch.arange(12))
SHORT = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"


class Same(BaseSource):
    def next(self, model, context):
        return BATCH


class Room(nn.Module):
    """Lets so many rows through; more end as they do on a CPU without memory, after the layers."""

    def __init__(self, rows, *layers):
        super().__init__()
        torch.manual_seed(0)
        made = [layer() for layer in layers]
        self.rows, self.layers = rows, nn.Sequential(*made, nn.Linear(3, 1)).double()

    def forward(self, inputs):
        found = self.layers(inputs)
        if len(inputs) > self.rows:
            raise RuntimeError(SHORT)
        return found


def make_loop(model, *, micro_batches=1, steps=3, objective=None):
    trained = list(model.parameters())
    player = Player(trained, torch.optim.SGD(trained, 0.01))
    objectives = [objective or Supervised(squared_error)]
    return Loop(
        model,
        objectives,
        Same(),
        {"model": player},
        total_steps=steps,
        micro_batches=micro_batches,
    )


def fitted(loop):
    loop.fit()
    return loop


@pytest.mark.filterwarnings("ignore:.*batch norm")
@pytest.mark.parametrize("layers", [(), (nn.Dropout,), (lambda: nn.BatchNorm1d(3),)])
def test_what_is_cut_on_the_way_is_what_was_cut_before(layers):
    """A step that failed left no trace: random numbers, running averages and gradients agree."""
    with pytest.warns(UserWarning, match="memory ran out at step 0: .* 12 rows is cut"):
        short = fitted(make_loop(Room(3, *layers)))
    before = fitted(make_loop(Room(12, *layers), micro_batches=4))
    assert short.cuts == [(0, 2), (0, 4)]
    for name, value in before.model.state_dict().items():
        assert torch.equal(short.model.state_dict()[name], value), name


def test_the_cut_step_is_the_whole_step_to_rounding():
    with pytest.warns(UserWarning, match="memory ran out"):
        short = fitted(make_loop(Room(5)))
    whole = fitted(make_loop(Room(12)))
    for mine, theirs in zip(short.model.parameters(), whole.model.parameters(), strict=True):
        assert (mine - theirs).abs().max() <= 1e-12


@pytest.mark.filterwarnings("ignore:memory ran out")
def test_layers_that_see_several_rows_are_named():
    with pytest.warns(UserWarning, match=r"batch norm \(layers.0\)"):
        fitted(make_loop(Room(6, lambda: nn.BatchNorm1d(3))))
    with pytest.warns(UserWarning, match=r"spectral norm \(layers.0"):
        fitted(make_loop(Room(6, lambda: spectral_norm(nn.Linear(3, 3)))))


def test_a_trial_leaves_no_cut_behind():
    loop = make_loop(Room(3), steps=20)
    with pytest.warns(UserWarning, match="memory ran out"):
        find_lr(loop, default=0.01)
    assert (loop.cuts, loop.micro_batches) == ([], 1)


def test_no_batch_is_cut_that_another_objective_needs_whole():
    class Spread(BaseObjective):
        separable = False

        def __call__(self, model, batch, context):
            return Loss({"spread": Term(model.layers(batch.inputs).var(), 1)})

    loop = make_loop(Room(3))
    loop.objectives.append(Spread())
    with pytest.raises(TilthError, match="loss of Spread is not a sum over rows"):
        loop.fit()


def test_a_later_shortage_cuts_from_there_on_and_a_resume_knows():
    model = Room(12)
    loop = make_loop(model, steps=2)
    loop.fit()
    assert loop.cuts == []
    model.rows = 6
    later = make_loop(model, steps=4)
    later.load_state_dict({**loop.state_dict(), "ended": False})
    with pytest.warns(UserWarning, match="memory ran out at step 2"):
        later.fit()
    resumed = make_loop(Room(12), steps=4)
    resumed.load_state_dict(later.state_dict())
    assert (resumed.cuts, resumed.micro_batches) == ([(2, 2)], 2)


def test_there_is_an_end_to_cutting():
    with pytest.warns(UserWarning), pytest.raises(TilthError, match="with one row at a time"):
        fitted(make_loop(Room(0)))
    whole = Supervised(squared_error, separable=False)
    with pytest.raises(TilthError, match=r"the batch must not be cut.*smaller batch_size"):
        fitted(make_loop(Room(3), objective=whole))
    with pytest.raises(TilthError, match="start all with micro_batches=4"):
        cut_finer([Supervised(squared_error)], rows=12, parts=2, world=2)


def test_other_errors_stay_what_they_are():
    class Wrong(nn.Linear):
        def forward(self, inputs):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        fitted(make_loop(Wrong(3, 1)))


def test_what_says_that_memory_ran_out():
    assert is_shortage(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"))
    assert is_shortage(MemoryError())
    with pytest.raises(RuntimeError) as found:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_shortage(found.value)
    assert not is_shortage(ValueError("out of memory"))


def test_a_look_takes_as_many_parts_as_it_needs():
    model = Room(5)
    found = evaluate(model, [BATCH, BATCH], numerics=Numerics(), device=torch.device("cpu"))
    expected = model.layers(INPUTS).float().detach()
    assert torch.equal(found.outputs, torch.cat([expected, expected]))
    seen = []
    in_parts(lambda part: seen.append(len(part)) or model(part), INPUTS)
    assert seen == [12, 6, 3, 3, 3, 3]
    with pytest.raises(RuntimeError, match="can't allocate"):
        in_parts(Room(0), INPUTS)


def test_buffers_that_were_replaced_come_back():
    model = nn.Module()
    model.register_buffer("count", torch.zeros(1), persistent=False)
    buffers = Buffers(model)
    before, held = buffers.values(), model.count
    model.count += 1
    model.count = torch.ones(3)
    buffers.put_back(before)
    assert model.count is held and model.count.tolist() == [0.0]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux keeps them")
def test_an_episode_of_4000_frames_learns_within_a_limit_of_memory():
    command = [sys.executable, "-m", "tests.train.long_episode", "800"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found = json.loads(done.stdout)
    assert found["frames"] == 4000
    assert found["cuts"][-1][1] >= 2 and found["uncut"] == []
    assert found["apart"] <= 1e-12
