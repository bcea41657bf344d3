"""Memory that every step frees and asks for again: kept by the process, not given back between."""

from __future__ import annotations

import ctypes
import functools
import os

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # names of mallopt's parameters in malloc.h
LARGEST = 2**30  # bytes; what is larger is asked of the system each time
KEPT = 2**31 - 1  # bytes of freed memory, the most that fits mallopt's int


@functools.cache
def keep_freed_memory() -> bool:
    """Let glibc's malloc keep what a step frees; return whether it was asked to.

    As it comes, malloc gives large blocks back to the system at once and takes them anew in the
    next step, as pages of zeros made one by one: 13,000 page faults a step of a small
    convolutional net, a tenth to a third of its time (docs/log.md). The most that a process has
    taken does not change; it stays with the process until its end.
    Nothing is done where malloc is set up by the user (``MALLOC_...``, ``GLIBC_TUNABLES``) or is
    not glibc's.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, musl; Windows
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST) and mallopt(TRIM_THRESHOLD, KEPT))
