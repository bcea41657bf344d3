"""Times new processes that import one library or print the command line's help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from bench.arm import Clock, Config, Result, main

COUNT = "import sys; print(len(sys.modules), int('torch' in sys.modules))"


def startup(variant: str, config: Config, seed: int) -> Result:
    """`variant` is a module's name, `nothing`, or `help` for `tilth --help`."""
    statement = {"nothing": "pass", "help": "import tilth.cli.main"}
    action = statement.get(variant, f"import {variant}")
    surroundings = {**os.environ, "KERAS_BACKEND": "jax"}
    for name in ("PYTHONPATH", "PYTHONWARNINGS"):
        surroundings.pop(name, None)
    command = [sys.executable, "-c", action]
    if variant == "help":
        command = [str(Path(sys.executable).with_name("tilth")), "--help"]

    def seconds() -> float:
        clock = Clock()
        subprocess.run(command, check=True, env=surroundings, capture_output=True)
        return clock.lap()

    seconds()
    counting = [sys.executable, "-c", f"{action}\n{COUNT}"]
    counted = subprocess.run(counting, check=True, env=surroundings, capture_output=True, text=True)
    modules, torch_loaded = counted.stdout.split()[-2:]
    return {
        "seconds": median(seconds() for _ in range(int(config["processes"]))),
        "modules": int(modules),
        "torch_loaded": int(torch_loaded),
    }


if __name__ == "__main__":
    main({"startup": startup})
