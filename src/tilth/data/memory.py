"""How much memory a data set may take: what the machine or its container has left."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_UNKNOWN = 4 * 2**30  # where the system does not say: what a small laptop has free


def available_memory_bytes() -> int:
    """Return the bytes that can be used now without swapping, container limits included.

    >>> available_memory_bytes() > 0
    True
    """
    limits = [value for value in (_meminfo(), _control_group()) if value is not None]
    if limits:
        return max(0, min(limits))
    if sys.platform != "win32" and "SC_PHYS_PAGES" in os.sysconf_names:
        # half of what is installed: free pages are not counted alike by all systems
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return _UNKNOWN


def _meminfo(path: Path = Path("/proc/meminfo")) -> int | None:
    """Return Linux's estimate of the memory that is available."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _control_group(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return what the limit of a container (cgroup v2, then v1) leaves, if there is one."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            most, taken = (root / limit).read_text().strip(), (root / used).read_text().strip()
        except OSError:
            continue
        if most.isdigit() and int(most) < 2**60:  # v1 writes a huge number for no limit
            return int(most) - int(taken)
    return None
