"""The peak is what the system counts for this process."""

from pathlib import Path

import pytest
import torch

from tilth.train.peak_memory import peak_memory


def test_the_peak_is_the_high_water_mark_of_the_process():
    found = peak_memory(torch.device("cpu"))
    assert set(found) == {"peak_bytes"}
    assert found["peak_bytes"] > 50e6  # torch alone is more
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        assert found["peak_bytes"] == pytest.approx(int(line.split()[1]) * 1024, rel=0.05)
