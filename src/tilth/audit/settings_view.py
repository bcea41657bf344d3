"""How a run was trained and what it cost, as rows of tables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from tilth import console
from tilth.audit.run_files import RunFiles
from tilth.wording import size

Rows = list[tuple[str, str]]


def settings_view(run: RunFiles) -> dict[str, Any]:
    """Return the tables of cost, machine, phases, configuration and versions."""
    phases = run.config.get("phase", [])
    asked = {name: value for name, value in run.config.items() if name != "phase"}
    versions = run.environment.get("versions") or {}
    return {
        "cost": _cost(run),
        "machine": _machine(run.environment),
        "phases": [_phase(plan, number, len(phases)) for number, plan in enumerate(phases, 1)],
        "config": flat(asked),
        "versions": [(name, str(value)) for name, value in versions.items() if value],
    }


def flat(table: Mapping[str, Any], prefix: str = "") -> Rows:
    """Return nested tables as rows of dotted names and values.

    >>> flat({"seed": 0, "train": {"lr": 0.1, "rates": [1, 2]}})
    [('seed', '0'), ('train.lr', '0.1'), ('train.rates', '1, 2')]
    """
    rows: Rows = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            rows += flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", text(value)))
    return rows


def text(value: Any) -> str:
    """Return a plain value as a person writes it.

    >>> text(True), text([1, 2]), text(0.1), text("")
    ('yes', '1, 2', '0.1', '(none)')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(text(one) for one in value) or "(none)"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text(one)}" for name, one in value.items()) or "(none)"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value) or "(none)"


def _cost(run: RunFiles) -> Rows:
    """Time, speed, size; only what was recorded."""
    training = run.audit.get("training") or {}
    found = {**run.outcome, **{key: one for key, one in training.items() if one is not None}}
    speed = found.get("samples_per_second")
    model = found.get("model") or {}
    rows = [
        ("Model", model.get("name")),
        ("Its arguments", text(model["arguments"]) if model.get("arguments") else None),
        ("Parameters", _count(found.get("parameters"))),
        ("Training time", console.seconds(found["seconds"]) if found.get("seconds") else None),
        ("Steps", _count(found.get("steps"))),
        ("Samples seen", _count(found.get("samples"))),
        ("Samples per second", _count(round(speed)) if speed else None),
        ("Peak memory", size(found["peak_bytes"]) if found.get("peak_bytes") else None),
        (
            "Peak memory of the GPU",
            size(found["peak_device_bytes"]) if found.get("peak_device_bytes") else None,
        ),
        ("Baselines", console.seconds(sum(one["seconds"] for one in run.audit["baselines"]))),
    ]
    return [(name, str(value)) for name, value in rows if value]


def _count(value: Any) -> str | None:
    return f"{value:,}" if isinstance(value, int) else None


def _machine(environment: Mapping[str, Any]) -> Rows:
    hardware = environment.get("hardware") or {}
    memory, git = hardware.get("memory_bytes"), environment.get("git")
    rows = [
        ("Processor", hardware.get("processor") or hardware.get("machine")),
        ("Cores, threads", f"{hardware['cores']}, {hardware['threads']}" if hardware else None),
        ("Memory", size(memory) if memory else None),
        ("GPU", text(hardware["gpus"]) if hardware.get("gpus") else None),
        ("Begun", environment.get("time")),
        ("Went on elsewhere", "; ".join(map(_elsewhere, environment.get("resumed") or []))),
        ("Seed", environment.get("seed")),
        ("Code", _commit(git) if git else None),
        ("Command", command(environment.get("command") or []) or None),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def _elsewhere(resumed: Mapping[str, Any]) -> str:
    return f"{resumed.get('time', '')}: {', '.join(resumed.get('changed') or [])}"


def command(arguments: Sequence[str]) -> str:
    """Return a command line as it can be typed again: quoted, without where the program lies.

    >>> command(["bin/tilth", "train", "my data.csv"])
    "tilth train 'my data.csv'"
    >>> command(["lib/tilth/__main__.py", "demo"])
    'python -m tilth demo'
    """
    if not arguments:
        return ""
    program = PurePath(arguments[0])
    name = f"python -m {program.parent.name}" if program.name == "__main__.py" else program.name
    return shlex.join([*name.split(), *arguments[1:]])


def _commit(git: Mapping[str, Any]) -> str:
    return f"commit {git.get('commit', '')[:12]}{', changed since' if git.get('changed') else ''}"


def _phase(plan: Mapping[str, Any], number: int, count: int) -> dict[str, Any]:
    reasons = plan.get("reasons") or {}
    settings = {name: value for name, value in plan.items() if name not in ("reasons", "asked")}
    rows = [(name, value, reasons.get(name, "")) for name, value in flat(settings)]
    name = "What it did" if count == 1 else f"What it did, phase {number} of {count}"
    return {"name": name, "rows": rows}
