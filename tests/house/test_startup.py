"""Importing tilth and asking for help are quick, because heavy libraries wait until needed.

Processor seconds are measured, so that a busy machine does not fail the test; on an idle one they
are the seconds a person waits.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

HEAVY = ("torch", "torchvision", "timm", "numpy", "polars", "sklearn", "matplotlib", "PIL", "rich")


def processor_seconds(*command: str, repeats: int = 5) -> float:
    """Return the median over ``repeats`` runs of user plus system time."""
    seen = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, env=dict(os.environ))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seen.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return statistics.median(seen)


def loaded_after(code: str) -> set[str]:
    text = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", text], check=True, capture_output=True, text=True
    )
    return set(result.stdout.split("\n")[-2].split())


def test_import_is_quick():
    assert processor_seconds(sys.executable, "-c", "import tilth") <= 0.1


def test_import_loads_nothing_heavy():
    assert loaded_after("import tilth") & set(HEAVY) == set()


def test_help_is_quick():
    assert processor_seconds(sys.executable, "-m", "tilth", "--help") <= 0.3


def test_help_loads_nothing_heavy():
    code = (
        "from tilth.cli.main import main\nimport sys\nsys.argv = ['tilth', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    assert loaded_after(code) & (set(HEAVY) - {"rich"}) == set()
