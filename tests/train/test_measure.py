"""Choosing numerics: by measurement, remembered, and leaving everything as it was."""

import json

import pytest
import torch
from torch import nn

from tilth.contracts import Batch, Context
from tilth.objectives.supervised import CrossEntropy, Supervised
from tilth.train import measure
from tilth.train.measure import Choice, candidates, choose_numerics, pick
from tilth.train.numerics import Numerics
from tilth.train.strides import strides_past_map

BATCH = Batch(torch.randn(8, 1, 6, 6), torch.randint(0, 3, (8,)), torch.arange(8))
FLAT = Batch(torch.randn(8, 6), torch.randint(0, 3, (8,)), torch.arange(8))


def context():
    return Context(0, 0.0, 0, torch.Generator().manual_seed(0), torch.device("cpu"))


def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


def test_layouts_are_tried_for_pictures_only():
    assert len(candidates(BATCH)) == 4
    assert len(candidates(FLAT)) == 2
    assert len(candidates(FLAT, compile=True)) == 4


def test_plain_float32_stays_unless_clearly_beaten():
    options = [Numerics(), Numerics("bfloat16")]
    assert pick(options, {"float32": 1.0, "bfloat16": 0.95}).numerics.dtype == "float32"
    chosen = pick(options, {"float32": 1.0, "bfloat16": 0.4})
    assert chosen.numerics.dtype == "bfloat16"
    assert "2.5x" in chosen.reason


BOTH = [Numerics(), Numerics("bfloat16")]
BOTH += [Numerics(one.dtype, compile=True) for one in BOTH]


@pytest.mark.parametrize(
    ("seconds", "chosen", "said"),
    [
        ((1.0, 1.2, 1.5, 1.4), "float32", "a compiled step takes 1.40x the time"),
        ((1.0, 0.5, 1.5, 0.9), "bfloat16", "a compiled step takes 1.80x the time"),
        ((1.0, 0.5, 1.5, 0.48), "bfloat16", "a compiled step takes 0.96x the time"),
        ((1.0, 1.2, 0.95, 1.4), "float32", "a compiled step takes 0.95x the time"),
        ((1.0, 0.5), "bfloat16", "a compiled step failed or was hopelessly slow"),
        ((1.0, 0.5, 0.6, 0.4), "bfloat16, compiled", "measured 2.5x as fast as float32"),
        ((1.0, 1.0, 0.8, 1.0), "float32, compiled", "measured 1.2x as fast as float32"),
    ],
)
def test_compiled_is_never_chosen_where_it_is_slower_and_that_is_said(seconds, chosen, said):
    found = pick(BOTH, {one.label(): took for one, took in zip(BOTH, seconds, strict=False)})
    assert found.numerics.label() == chosen and said in found.reason
    assert ("not compiled" in found.reason) == (not found.numerics.compile)


def test_nothing_is_said_of_compiling_that_was_not_asked_for():
    assert "compiled" not in pick(BOTH[:2], {"float32": 1.0, "bfloat16": 0.5}).reason


def test_a_net_that_does_not_compile_is_trained_without(tmp_path):
    class Broken(nn.Sequential):
        def compile(self):
            self.forward = self.fail

        def fail(self, inputs):
            raise RuntimeError("no C++ compiler\nand forty lines more")

    memory = tmp_path / "m.json"
    model = Broken(nn.Flatten(), nn.Linear(6, 3))
    with pytest.warns(UserWarning) as warned:
        found = choose_numerics(
            model, Supervised(CrossEntropy()), FLAT, context(), compile=True, memory=memory
        )
    assert [str(one.message) for one in warned] == [
        "torch.compile failed and is not used: no C++ compiler"
    ]
    assert not found.numerics.compile and "failed" in found.reason


def test_a_moment_of_another_program_does_not_choose_bfloat16_for_a_tiny_net(monkeypatch):
    """Steps of 0.1 ms, the first seven of float32 disturbed: more rounds tell them apart."""
    steps = dict.fromkeys(("float32", "bfloat16"), 0)

    def step(model, numerics, *_):
        steps[numerics.label()] += 1
        disturbed = numerics.dtype == "float32" and steps["float32"] <= 7
        return 0.0002 if disturbed else 0.0001

    monkeypatch.setattr(measure, "one_step", step)
    monkeypatch.setattr(measure, "bfloat16_unsafe", lambda *_: False)
    options = [Numerics(), Numerics("bfloat16")]
    found = measure.measured(options, nn.Linear(6, 3), Supervised(CrossEntropy()), FLAT, context())
    assert found.numerics.label() == "float32"
    assert found.seconds == {"float32": 0.0001, "bfloat16": 0.0001}


def test_a_choice_is_remembered_and_repeated_without_measuring(tmp_path, monkeypatch):
    memory = tmp_path / "cache" / "numerics.json"
    objective = Supervised(CrossEntropy())
    first = choose_numerics(net(), objective, BATCH, context(), memory=memory)
    assert len(json.loads(memory.read_text())) == 1
    monkeypatch.setattr(measure, "time_candidates", None)
    again = choose_numerics(net(), objective, BATCH, context(), memory=memory)
    assert again.numerics == first.numerics
    assert again.reason.endswith("(remembered)")


def test_damaged_and_unwritable_memories_do_no_harm(tmp_path):
    memory = tmp_path / "numerics.json"
    memory.write_text("{half")
    objective = Supervised(CrossEntropy())
    found = choose_numerics(net(), objective, BATCH, context(), memory=memory)
    assert isinstance(found, Choice)
    blocked = tmp_path / "file"
    blocked.write_text("")
    choose_numerics(net(), objective, BATCH, context(), memory=blocked / "numerics.json")


@pytest.mark.parametrize("whole", [[], "text", 3, None])
def test_a_memory_that_holds_no_choices_counts_as_empty(tmp_path, whole):
    memory = tmp_path / "numerics.json"
    memory.write_text(json.dumps(whole))
    choose_numerics(net(), Supervised(CrossEntropy()), BATCH, context(), memory=memory)
    assert len(json.loads(memory.read_text())) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"numerics": {"dtype": "float61"}},
        {"numerics": {"dtyp": "float32"}},
        {"numerics": {"compile": True}},
        {"numerics": []},
        {"seconds": 3},
        {"seconds": None, "reason": None},
    ],
)
def test_a_damaged_choice_is_measured_again(tmp_path, change):
    memory, objective = tmp_path / "numerics.json", Supervised(CrossEntropy())
    choose_numerics(net(), objective, BATCH, context(), memory=memory)
    ((key, sound),) = json.loads(memory.read_text()).items()
    for damaged in ({**sound, **change}, {k: v for k, v in sound.items() if k not in change}, []):
        memory.write_text(json.dumps({key: damaged}))
        found = choose_numerics(net(), objective, BATCH, context(), memory=memory)
        assert not found.reason.endswith("(remembered)")
        assert found.numerics.label() in found.seconds


def test_model_streams_and_gradients_are_as_before(tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(36, 3))
    before = [p.clone() for p in model.parameters()]
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    memory = tmp_path / "m.json"
    choose_numerics(model, Supervised(CrossEntropy()), BATCH, context(), memory=memory)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(p.grad is None for p in model.parameters())


def test_given_types_and_layouts_are_not_second_guessed(tmp_path):
    found = choose_numerics(
        net(),
        Supervised(CrossEntropy()),
        BATCH,
        context(),
        dtype="bfloat16",
        channels_last=True,
        memory=tmp_path / "m.json",
    )
    assert (found.numerics.dtype, found.numerics.channels_last) == ("bfloat16", True)


def test_what_is_given_wins_over_what_is_remembered(tmp_path):
    objective, memory = Supervised(CrossEntropy()), tmp_path / "m.json"
    for dtype in ("bfloat16", "float32", "bfloat16"):
        found = choose_numerics(
            net(), objective, BATCH, context(), dtype=dtype, channels_last=False, memory=memory
        )
        assert found.numerics.dtype == dtype
    choose_numerics(net(), objective, BATCH, context(), memory=memory)
    assert len(json.loads(memory.read_text())) == 3


def strided(**arguments):
    """Return a net on 6 pixels whose second convolution sees a map of one pixel."""
    layers = nn.Conv2d(1, 4, 6), nn.Conv2d(4, 4, **arguments)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("kernel", "stride", "sides", "wanted"),
    [  # those found at fault with free memory full of NaN, and their neighbours
        (3, 2, (1, 1), True),
        (3, 2, (9, 1), True),
        (3, 2, (1, 9), True),
        (3, 2, (2, 2), False),
        (3, 1, (1, 1), False),
        (1, 2, (1, 1), False),
        (5, 3, (2, 2), True),
        (3, 4, (3, 3), True),
        (3, (1, 2), (1, 2), False),
        (3, (1, 3), (9, 2), True),
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_a_stride_past_the_whole_map_is_found(kernel, stride, sides, wanted, by_name):
    layer, inputs = nn.Conv2d(1, 1, kernel, stride, padding=2), torch.zeros(2, 1, *sides)
    step = (lambda: layer(input=inputs)) if by_name else (lambda: layer(inputs))
    assert strides_past_map(layer, step) == wanted
    assert not layer._forward_pre_hooks


def test_bfloat16_is_not_chosen_where_torch_gets_its_gradients_wrong(tmp_path):
    arguments = Supervised(CrossEntropy()), BATCH, context()
    memory = tmp_path / "m.json"
    unsafe = strided(kernel_size=3, stride=2, padding=1)
    for _ in range(2):
        found = choose_numerics(unsafe, *arguments, memory=memory)
        assert found.numerics.dtype == "float32" and "strides past its whole map" in found.reason
        assert not any("bfloat16" in name for name in found.seconds)
    asked = choose_numerics(unsafe, *arguments, dtype="bfloat16", memory=memory)
    assert asked.numerics.dtype == "bfloat16"
    asked = choose_numerics(unsafe, *arguments, dtype="float32", memory=memory)
    assert "bfloat16" not in asked.reason
    safe = strided(kernel_size=3, stride=1, padding=1)
    timed = choose_numerics(safe, *arguments, memory=memory).seconds
    assert any("bfloat16" in name for name in timed)  # in one layout or the other
