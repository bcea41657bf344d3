from __future__ import annotations

from pathlib import Path

import pytest

from tilth.data import memory


def test_linux_says_what_is_available(tmp_path: Path):
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       2000 kB\nMemFree: 1 kB\nMemAvailable:    1500 kB\n")
    assert memory._meminfo(path) == 1500 * 1024
    path.write_text("MemTotal: 1 kB\n")
    assert memory._meminfo(path) is None
    assert memory._meminfo(tmp_path / "none") is None


def test_a_container_limits_it(tmp_path: Path):
    assert memory._control_group(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("300\n")
    assert memory._control_group(tmp_path) is None
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory._control_group(tmp_path) == 700


def test_the_smaller_counts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "_meminfo", lambda: 500)
    monkeypatch.setattr(memory, "_control_group", lambda: 700)
    assert memory.available_memory_bytes() == 500
    monkeypatch.setattr(memory, "_control_group", lambda: -5)
    assert memory.available_memory_bytes() == 0
    monkeypatch.setattr(memory, "_meminfo", lambda: None)
    monkeypatch.setattr(memory, "_control_group", lambda: None)
    assert memory.available_memory_bytes() > 2**20
