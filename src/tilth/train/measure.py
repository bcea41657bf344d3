"""Choose the numerics by a short measurement on the real model and batch, and remember it."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tilth import machine
from tilth.cache import cache_folder
from tilth.contracts import Context, Objective
from tilth.errors import UserError, first_line
from tilth.train.gradient import mean_loss
from tilth.train.memory_shortage import is_shortage
from tilth.train.numerics import Numerics
from tilth.train.streams import random_state, set_random_state
from tilth.train.strides import strides_past_map
from tilth.tree import leaves, map_tree

MARGIN = 1.1  # float32 stays unless another choice is at least this much faster
WARMUPS, ROUNDS, MOST_ROUNDS = 2, 5, 50
ENOUGH = 0.1  # seconds of timed steps; of quicker ones more rounds are timed
UNSAFE = (
    "bfloat16 is not used: a convolution strides past its whole map, and torch's bfloat16 "
    "gradients of that hold NaN now and then"
)
HOPELESS = 3.0  # a first run this many times slower than float32 is not timed further


@dataclass(frozen=True)
class Choice:
    """Numerics, why they were chosen in words, and seconds a step of each candidate."""

    numerics: Numerics
    reason: str
    seconds: dict[str, float]


def candidates(batch: Any, *, compile: bool = False) -> list[Numerics]:
    """Return what is worth timing for a batch: layouts where there are pictures, and bf16."""
    layouts = [False, True] if any(leaf.dim() == 4 for leaf in leaves(batch)) else [False]
    eager = [
        Numerics(dtype=dtype, channels_last=layout)
        for dtype in ("float32", "bfloat16")
        for layout in layouts
    ]
    return eager + [replace(one, compile=True) for one in eager] if compile else eager


def choose_numerics(
    model: nn.Module,
    objective: Objective,
    batch: Any,
    context: Context,
    *,
    compile: bool = False,
    dtype: str | None = None,
    channels_last: bool | None = None,
    memory: Path | None = None,
) -> Choice:
    """Return the fastest numerics for a training step, remembered per machine, model and batch.

    compile: time compiled variants too; dtype, channels_last: fixed where given
    memory: the file of earlier choices; the user's cache by default. Model, streams and
    gradients are left as they were.
    """
    memory = memory or cache_folder() / "numerics.json"
    options = [
        option
        for option in candidates(batch, compile=compile)
        if dtype in (None, option.dtype) and channels_last in (None, option.channels_last)
    ] or [Numerics(dtype or "float32", bool(channels_last))]
    key = fingerprint(model, batch, context.device, [option.label() for option in options])
    known = recall(memory, key)
    if known is not None and known.numerics in options:
        return known
    outside = random_state(context.device)
    state = context.generator.get_state()
    try:
        choice = measured(options, model, objective, batch, context)
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error):
            raise
        reason = f"{options[0].label()}: memory ran out while a step was measured"
        return Choice(options[0], reason, {})
    finally:
        set_random_state(outside, context.device)
        context.generator.set_state(state)
    remember(memory, key, choice)
    return choice


def measured(
    options: list[Numerics], model: nn.Module, objective: Objective, batch: Any, context: Context
) -> Choice:
    """Return the fastest of the options that are safe for this model."""
    safe = [option for option in options if option.dtype == "float32"]
    unsafe = 0 < len(safe) < len(options) and bfloat16_unsafe(model, objective, batch, context)
    options = safe if unsafe else options
    choice = pick(options, time_candidates(options, model, objective, batch, context))
    return replace(choice, reason=f"{choice.reason}; {UNSAFE}") if unsafe else choice


def pick(options: Sequence[Numerics], seconds: dict[str, float]) -> Choice:
    """Return the fastest option, the first (plain float32) unless it is beaten by MARGIN.

    A compiled one must beat all others by MARGIN too: compiling costs seconds in every run.

    >>> pick([Numerics(), Numerics("bfloat16")], {"float32": 1.0, "bfloat16": 0.5}).numerics.dtype
    'bfloat16'
    """
    plain = options[0]
    choice, reason = plain, f"{plain.label()}: nothing measured is {MARGIN:.1f}x faster"
    best = fastest([option for option in options if not option.compile], seconds) or plain
    compiled = fastest([option for option in options if option.compile], seconds)
    if compiled and seconds[best.label()] >= MARGIN * seconds[compiled.label()]:
        best = compiled
    gain = seconds[plain.label()] / seconds[best.label()]
    if gain >= MARGIN:
        choice = best
        reason = f"{choice.label()}: measured {gain:.1f}x as fast as {plain.label()}"
    if any(option.compile for option in options) and not choice.compile:
        reason += "; not compiled: " + (
            f"a compiled step takes {seconds[compiled.label()] / seconds[choice.label()]:.2f}x "
            "the time"
            if compiled
            else "a compiled step failed or was hopelessly slow"
        )
    return Choice(choice, reason, seconds)


def fastest(options: Sequence[Numerics], seconds: dict[str, float]) -> Numerics | None:
    """Return the option of the least seconds; None where none was timed."""
    timed = [option for option in options if option.label() in seconds]
    return min(timed, key=lambda option: seconds[option.label()], default=None)


def time_candidates(
    options: Sequence[Numerics],
    model: nn.Module,
    objective: Objective,
    batch: Any,
    context: Context,
) -> dict[str, float]:
    """Return the least seconds of loss and gradient per option, rounds interleaved.

    The least, not the median: other programs on the machine only ever make a step slower. What
    cannot be compiled (no C++ compiler, an operation that torch.compile does not know) is left
    out with a warning.
    """
    ready: dict[str, tuple[nn.Module, Numerics]] = {}
    plain = None
    for numerics in options:
        copied = numerics.place_model(copy.deepcopy(model), context.device).train()
        try:
            spent = [one_step(copied, numerics, objective, batch, context) for _ in range(WARMUPS)]
        except Exception as error:
            if not numerics.compile:
                raise
            warnings.warn(
                f"torch.compile failed and is not used: {first_line(error)}", stacklevel=2
            )
            break  # the others would fail alike, each after many seconds
        plain = plain or spent[-1]
        if spent[-1] <= HOPELESS * plain:
            ready[numerics.label()] = (copied, numerics)
    rounds: list[dict[str, float]] = []
    while not enough(rounds):
        rounds.append(
            {name: one_step(*pair, objective, batch, context) for name, pair in ready.items()}
        )
    return {name: min(found[name] for found in rounds) for name in ready}


def enough(rounds: Sequence[dict[str, float]]) -> bool:
    """Return whether the rounds tell options apart: one moment of another program must not.

    >>> enough([{"float32": 0.3}] * 5), enough([{"float32": 0.0001}] * 5)
    (True, False)
    """
    spent = sum(sum(found.values()) for found in rounds)
    return len(rounds) >= ROUNDS and (spent >= ENOUGH or len(rounds) >= MOST_ROUNDS)


def bfloat16_unsafe(model: nn.Module, objective: Objective, batch: Any, context: Context) -> bool:
    """Return whether torch's bfloat16 gradients of this model are at fault on this device."""
    if context.device.type != "cpu":
        return False
    net = copy.deepcopy(model).to(context.device).train()
    return strides_past_map(net, lambda: one_step(net, Numerics(), objective, batch, context))


def one_step(
    model: nn.Module, numerics: Numerics, objective: Objective, batch: Any, context: Context
) -> float:
    """Return the seconds of one loss and gradient."""
    placed = numerics.place_batch(map_tree(lambda leaf: leaf.to(context.device), batch))
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    start = time.perf_counter()
    autocast = functools.partial(numerics.autocast, context.device)
    _, scalar = mean_loss(objective, model, placed, context, autocast)
    torch.autograd.backward(scalar, inputs=parameters)
    if context.device.type == "cuda":
        torch.cuda.synchronize(context.device)
    spent = time.perf_counter() - start
    model.zero_grad(set_to_none=True)
    return spent


def fingerprint(model: nn.Module, batch: Any, device: torch.device, options: list[str]) -> str:
    """Return a name for (machine, torch, threads, options, model, batch shape)."""
    chip = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    facts = [
        options,
        chip,
        torch.__version__,
        torch.get_num_threads(),
        device.type,
        type(model).__qualname__,
        repr(model),
        [(name, list(p.shape), p.requires_grad) for name, p in model.named_parameters()],
        [(list(leaf.shape), str(leaf.dtype)) for leaf in leaves(batch)],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def cpu_name() -> str:
    """Return the processor's name with the instruction sets that matter for bf16."""
    text = machine.cpu_info()
    flags = [flag for flag in ("amx_bf16", "avx512_bf16") if flag in text]
    capability = torch.backends.cpu.get_cpu_capability()
    return " ".join([machine.processor(), capability, *flags])


def recall(memory: Path, key: str) -> Choice | None:
    """Return an earlier choice, or None; what cannot be read counts as not remembered."""
    try:
        known = read_memory(memory)[key]
        reason = f"{known['reason']} (remembered)"
        return Choice(Numerics(**known["numerics"]), reason, dict(known["seconds"]))
    except (KeyError, TypeError, ValueError, UserError):
        return None


def read_memory(memory: Path) -> dict[str, Any]:
    """Return fingerprint -> choice as JSON; {} where there is no such file."""
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(memory: Path, key: str, choice: Choice) -> None:
    """Add a choice to the memory; a memory that cannot be written is no reason to stop."""
    known = read_memory(memory)
    known[key] = {
        "numerics": choice.numerics.to_config(),
        "reason": choice.reason,
        "seconds": choice.seconds,
    }
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        aside = memory.with_name(f".{memory.name}.{time.monotonic_ns()}")
        aside.write_text(json.dumps(known, indent=1))
        aside.replace(memory)
    except OSError:
        return
