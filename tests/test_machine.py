"""What is said of the processor is what the system says."""

import os
import platform
from pathlib import Path

import pytest

from tilth import machine


def test_the_name_is_the_systems_first(monkeypatch):
    text = "processor\t: 0\nmodel name\t: A Chip 3000 \nflags\t: x\n\nmodel name\t: Another\n"
    monkeypatch.setattr(Path, "read_text", lambda self, **_: text)
    assert machine.processor() == "A Chip 3000"


def test_a_system_without_the_file_names_it_otherwise(monkeypatch):
    def missing(self, **_):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert machine.cpu_info() == ""
    assert machine.processor() == platform.processor()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_cores_are_those_this_process_may_use():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert machine.cores() == 1
    finally:
        os.sched_setaffinity(0, before)
