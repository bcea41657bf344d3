"""What a run ran on: versions, hardware, code and settings, without secrets."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from tilth import machine

PACKAGES = (
    "tilth",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pillow",
    "safetensors",
    "polars",
    "scikit-learn",
)
"""The packages whose version can change a result."""

REDACTED = "[redacted]"
_SECRET = re.compile(r"TOKEN|SECRET|KEY|PASSWORD", re.IGNORECASE)
# variables that change numbers, speed or where things are read; others are nobody's business
_SETTINGS = re.compile(
    r"(OMP|MKL|KMP|CUDA|CUBLAS|NCCL|TORCH|PYTORCH|TILTH|SLURM)_|(RANK|WORLD_SIZE|LOCAL_RANK)$"
)
_KEPT = {"threads", "memory_bytes"}  # the first is set again from the plan, the second moves no bit
_PROGRAM_SECONDS = 10.0  # git on a slow network drive; a run must not wait longer for a footnote


def environment(seed: int) -> dict[str, Any]:
    """Return what a reader needs to know where a run came from, as plain values for env.json.

    Keys: time (UTC, ISO 8601), seed, command, versions, hardware, git (None outside a
    repository), settings (environment variables that change numbers or speed). Whatever is named
    like a secret is redacted, see ``redact``.

    >>> environment(seed=3)["seed"]
    3
    """
    settings = {name: value for name, value in os.environ.items() if _SETTINGS.match(name)}
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "command": redact_command(sys.argv),
        "versions": versions(),
        "hardware": hardware(),
        "git": git_commit(Path.cwd()),
        "settings": redact(dict(sorted(settings.items()))),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python, the platform and ``PACKAGES`` ("" where not installed).

    >>> versions()["python"] == platform.python_version()
    True
    """
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = ""
    found["torch"] = str(torch.__version__)  # says the build (+cpu, +cu132) too
    return found


def hardware() -> dict[str, Any]:
    """Return processor, cores this process may use, threads, memory in bytes, accelerators."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "processor": machine.processor(),
        "machine": platform.machine(),
        "cores": machine.cores(),
        "threads": torch.get_num_threads(),
        "memory_bytes": _memory_bytes(),
        "gpus": gpus,
        "cuda": torch.version.cuda if gpus else None,
        "mps": torch.backends.mps.is_available(),
    }


def git_commit(folder: Path) -> dict[str, Any] | None:
    """Return {"commit": SHA-1, "changed": whether tracked files differ}, or None without git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": bool(changed)}


def redact(value: Any) -> Any:
    """Return ``value`` with each dict entry named like a secret replaced, at any depth.

    >>> redact({"API_KEY": "abc", "nested": [{"password": "x", "seed": 1}]})
    {'API_KEY': '[redacted]', 'nested': [{'password': '[redacted]', 'seed': 1}]}
    """
    if isinstance(value, Mapping):
        return {
            name: REDACTED if _SECRET.search(str(name)) else redact(entry)
            for name, entry in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(entry) for entry in value]
    return value


def redact_command(arguments: Sequence[str]) -> list[str]:
    """Return a command line with the values of options named like secrets replaced.

    >>> redact_command(["tilth", "--token", "abc", "--set", "api_key=xyz", "data"])
    ['tilth', '--token', '[redacted]', '--set', 'api_key=[redacted]', 'data']
    """
    redacted, next_is_secret = [], False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        secret = bool(_SECRET.search(name))
        if next_is_secret:
            redacted.append(REDACTED)
        elif equals and secret:
            redacted.append(f"{name}={REDACTED}")
        else:
            redacted.append(argument)
        next_is_secret = secret and not equals and argument.startswith("-")
    return redacted


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say in words which versions and hardware changed between two ``environment`` results.

    A resumed run repeats to the bit only where this list is empty. Memory is left out, and so is
    the number of threads: a resume sets the one that the run's plan names.

    >>> old = {"versions": {"torch": "2.11"}, "hardware": {"cores": 2}}
    >>> differences(old, {"versions": {"torch": "2.15"}, "hardware": {"cores": 2}})
    ['torch: 2.11 -> 2.15']
    """
    said = []
    for part in ("versions", "hardware"):
        old, new = before.get(part, {}), now.get(part, {})
        for name in sorted({*old, *new} - _KEPT):
            if old.get(name) != new.get(name):
                said.append(f"{name}: {old.get(name)} -> {new.get(name)}")
    return said


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says, or "" where it cannot be asked or fails."""
    # a repository's own settings must not start programs just because a run notes its commit
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_PROGRAM_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _memory_bytes() -> int | None:
    """Return the physical memory, None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
