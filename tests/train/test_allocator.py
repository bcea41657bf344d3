"""What a step frees stays with the process: counted in page faults, in processes of their own."""

import os
import subprocess
import sys

import pytest

COUNT = """
import resource
import torch
from tilth.train.allocator import keep_freed_memory
asked = keep_freed_memory()
def step():
    return [torch.ones(5_000_000) for _ in range(3)]
for _ in range(12):  # until every block has found its place
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(asked, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 5 * 3 * 20_000_000 // 4096  # that five steps write to


def counted(**environment):
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    asked, faults = done.stdout.split()
    return asked == "True", int(faults)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_a_step_finds_its_memory_again():
    asked, faults = counted()
    assert asked
    assert faults < 0.05 * PAGES


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_what_a_user_has_set_is_left_alone():
    asked, faults = counted(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072")
    assert not asked
    assert faults > 0.5 * PAGES
