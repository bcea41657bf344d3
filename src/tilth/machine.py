"""The processor of this machine, as the system tells it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_info() -> str:
    """Return what Linux tells of its processors; elsewhere nothing."""
    try:
        return Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return ""


def processor() -> str:
    """Return the processor's model name where the system tells it."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpu_info(), re.MULTILINE)
    return found.group(1).strip() if found else platform.processor()
