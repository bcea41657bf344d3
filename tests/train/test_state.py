"""pack and unpack give back the same tree, to the bit, through real safetensors and JSON text."""

from __future__ import annotations

import collections
import json
import math
import re
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from tilth.errors import UserError
from tilth.train.state import pack, unpack

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.complex64,
    torch.complex128,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.uint16,
    torch.int32,
    torch.int64,
    torch.bool,
]


def through_files(tree):
    """Return the tree as a checkpoint would give it back."""
    tensors, skeleton = pack(tree)
    text = json.dumps(skeleton, allow_nan=False)
    return unpack(load(save(tensors)), json.loads(text))


def raw(tensor):
    """Return a tensor's values as bytes, in logical order."""
    values = tensor.detach().resolve_conj().resolve_neg().reshape(-1)
    copy = values.clone(memory_format=torch.contiguous_format)
    return copy.view(torch.uint8).numpy().tobytes()


def same(a, b):
    """Compare two trees by type and bit, independently of how they are packed."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and raw(a) == raw(b)
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    if isinstance(a, dict):
        keys = [(type(key), key) for key in a] == [(type(key), key) for key in b]
        return keys and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


@st.composite
def tensors(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    size = math.prod(shape) * dtype.itemsize
    data = bytearray(draw(st.binary(min_size=size, max_size=size)))
    if dtype is torch.bool:
        data = bytearray(byte & 1 for byte in data)
    flat = torch.frombuffer(data, dtype=dtype) if size else torch.empty(0, dtype=dtype)
    tensor = flat.reshape(shape)
    if tensor.dim() > 1 and draw(st.booleans()):
        tensor = tensor.transpose(0, -1)
    if tensor.dim() and draw(st.booleans()):
        tensor = tensor[::2]
    return tensor


def trees():
    doubles = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", bits.to_bytes(8))[0])
    plain = st.none() | st.booleans() | st.integers() | doubles | st.floats() | st.text()
    words = st.text() | st.sampled_from(["$tensor", "$dict", "__metadata__", "a/b", "tensor-1"])
    keys = words | st.integers()
    return st.recursive(
        plain | tensors(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(keys, inner, max_size=4)
        ),
        max_leaves=12,
    )


@settings(max_examples=200)
@given(trees())
def test_any_tree_comes_back_to_the_bit(tree):
    assert same(through_files(tree), tree)


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF8DEADBEEF0000, 0x7FF0000000000000])
def test_bits_of_infinities_and_nans_are_kept(bits):
    value = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    assert struct.pack(">d", through_files({"x": [value]})["x"][0]) == bits.to_bytes(8, "big")
    assert math.copysign(1.0, through_files([-0.0])[0]) == -1.0


def test_shared_memory_becomes_separate_tensors_of_equal_value():
    base = torch.arange(12.0).reshape(3, 4)
    tree = {"whole": base, "again": base, "row": base[1], "column": base[:, 2], "wide": base[:1]}
    tree["spread"] = torch.ones(1).expand(2, 3)
    found = through_files(tree)
    assert same(found, tree)
    found["whole"].zero_()
    assert torch.equal(found["row"], torch.tensor([4.0, 5, 6, 7]))


def test_values_that_torch_only_marks_as_conjugate_or_negative():
    pair = torch.tensor([1 + 2j, 3 - 4j])
    found = through_files([pair.conj(), torch._neg_view(torch.tensor([2.0, -4.0]))])
    assert found[0].tolist() == [1 - 2j, 3 + 4j] and found[1].tolist() == [-2.0, 4.0]


def test_packing_does_not_copy_what_lies_alone():
    weight = torch.randn(100)
    packed, _ = pack({"weight": weight, "view": weight[2:]})
    assert packed["weight"].data_ptr() == weight.data_ptr()
    assert packed["view"].data_ptr() != weight[2:].data_ptr()


def test_channels_last_and_parameters_are_stored_plainly():
    weight = torch.nn.Parameter(torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last))
    found = through_files([weight])[0]
    assert type(found) is torch.Tensor and not found.requires_grad and found.is_contiguous()
    assert torch.equal(found, weight)


def test_dicts_of_any_class_come_back_as_dicts_in_order():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    found = through_files(
        {"model": model.state_dict(), "n": collections.defaultdict(int, z=1, a=2)}
    )
    assert type(found["model"]) is type(found["n"]) is dict
    assert list(found["model"]) == list(model.state_dict()) and list(found["n"]) == ["z", "a"]
    model.load_state_dict(found["model"])


@pytest.mark.parametrize("make", [torch.optim.AdamW, torch.optim.SGD, torch.optim.LBFGS])
def test_optimizer_continues_to_the_bit(make):
    def run(resume_at):
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        optimizer = make(model.parameters(), lr=0.1)
        for step in range(6):
            if step == resume_at:
                saved = through_files({"m": model.state_dict(), "o": optimizer.state_dict()})
                model = torch.nn.Linear(3, 1)
                optimizer = make(model.parameters(), lr=99.0)
                model.load_state_dict(saved["m"])
                optimizer.load_state_dict(saved["o"])

            def loss(model=model, optimizer=optimizer):
                optimizer.zero_grad()
                value = (model(torch.ones(2, 3)) - 1.0).square().sum()
                value.backward()
                return value

            optimizer.step(loss)
        return model.weight.detach().clone()

    assert torch.equal(run(None), run(3))


def test_names_in_the_file_are_the_places_in_the_tree():
    tree = {"model": {"0.weight": torch.zeros(1)}, "hooks": [{}, {"best": (torch.zeros(2),)}]}
    packed, _ = pack(tree)
    assert list(packed) == ["model/0.weight", "hooks/1/best/0"]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (np.float64(0.5), "numpy.float64"),
        (np.zeros(2), "numpy.ndarray"),
        ({1, 2}, "builtins.set"),
        (b"bytes", "builtins.bytes"),
        (torch.Generator(), "torch._C.Generator"),
        (collections.namedtuple("Pair", "a b")(1, 2), "Pair"),
        (lambda: None, "builtins.function"),
        (1j, "builtins.complex"),
    ],
)
def test_anything_else_is_refused_with_its_place(value, named):
    with pytest.raises(UserError, match=rf"state/hooks/2/best is a .*{re.escape(named)}"):
        pack({"hooks": [{}, {}, {"best": value}]})


def test_other_keys_and_tensors_without_plain_memory_are_refused():
    with pytest.raises(UserError, match=r"state/a has the key \(1, 2\)"):
        pack({"a": {(1, 2): 0}})
    with pytest.raises(UserError, match="state/ has the key True"):
        pack({True: 0})
    with pytest.raises(UserError, match="state/a is a tensor without plain memory"):
        pack({"a": torch.eye(3).to_sparse()})
    with pytest.raises(UserError, match="state/a is a tensor without plain memory"):
        pack({"a": torch.empty(3, device="meta")})


def test_foreign_skeletons_are_refused():
    with pytest.raises(ValueError, match=r"unknown mark '\$code'"):
        unpack({}, [{"$code": "print()"}])
    with pytest.raises(KeyError):
        unpack({}, {"a": {"$tensor": "missing"}})
