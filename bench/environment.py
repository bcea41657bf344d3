"""The peers' separate environment, and what the measuring machine is."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CELLS, PAGE = ROOT / "runs" / "bench" / "cells.jsonl", ROOT / "docs" / "results.md"
PEERS = Path(__file__).resolve().parent / ".peers"
REQUIREMENTS = Path(__file__).resolve().parent / "peers" / "requirements.txt"
PACKAGES = ("torch", "torchvision", "numpy", "polars", "pandas", "pillow", "tilth", "fastai")
PACKAGES += ("lightning", "keras", "jax", "skorch", "kornia", "gymnasium", "stable-baselines3")
# The flags that decide how fast half precision and wide vectors are.
TELLING_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16")


def python_of(environment: str) -> Path:
    """The interpreter of "project" (the one running now) or of "peers"."""
    if environment == "project":
        return Path(sys.executable)
    folder = "Scripts" if os.name == "nt" else "bin"
    return PEERS / folder / ("python.exe" if os.name == "nt" else "python")


def make_peers() -> None:
    """Build bench/.peers when it is missing or its requirements changed; a few minutes, several GB.

    A stamp holds the hash of the requirements that were installed to the end.
    """
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = PEERS / "installed.sha256"
    if stamp.exists() and stamp.read_text().strip() == wanted:
        return
    print(f"making the peers' environment in {PEERS} (some minutes, once)", file=sys.stderr)
    if not python_of("peers").exists():
        venv.EnvBuilder(with_pip=True, clear=True).create(PEERS)
    pip = [str(python_of("peers")), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)]
    subprocess.run(pip, check=True)
    pair = "import torch, torchvision; torchvision.ops.nms"
    subprocess.run([str(python_of("peers")), "-c", pair], check=True)
    stamp.write_text(wanted + "\n")


@cache
def versions(environment: str) -> dict[str, str]:
    """Installed versions of the packages that matter, in one environment."""
    code = (
        "import importlib.metadata as m, json, platform, sys\n"
        "found = {'python': platform.python_version()}\n"
        "for name in sys.argv[1:]:\n"
        "    try: found[name] = m.version(name)\n"
        "    except m.PackageNotFoundError: pass\n"
        "print(json.dumps(found))"
    )
    command = [str(python_of(environment)), "-c", code, *PACKAGES]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


@cache
def hardware() -> dict[str, str | int | list[str]]:
    """Processor model, logical cores, telling flags, memory in GiB and operating system."""
    model, flags = platform.processor() or platform.machine(), []
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        fields = dict(
            (part.strip() for part in line.split(":", 1))
            for line in listing.read_text().splitlines()
            if ":" in line
        )
        identity = [fields.get(key, "?") for key in ("cpu family", "model")]
        model = f"{fields.get('model name', model)} (family {identity[0]}, model {identity[1]})"
        flags = [flag for flag in TELLING_FLAGS if flag in fields.get("flags", "").split()]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if os.name == "posix" else 0
    return {
        "cpu": model,
        "cores": os.cpu_count() or 1,
        "flags": flags,
        "memory_gib": round(memory / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
    }


@cache
def commit() -> str:
    """The short commit that was measured, with "-dirty" when the package differs from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    name = git("rev-parse", "--short=12", "HEAD") or "uncommitted"
    return name + ("-dirty" if git("status", "--porcelain", "--", "src", "bench") else "")


if __name__ == "__main__":
    make_peers()
    print(json.dumps({"hardware": hardware(), "peers": versions("peers")}, indent=2))
