"""The worker processes of a data set end with the process they work for, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest
import torch

from tilth.data.item_store import ItemStore

SPAWN = multiprocessing.get_context("spawn")


class WhoReads:
    """Items that say which process read them."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.tensor(os.getpid())


def read(connection, seconds):
    """Read a batch with one worker, say who read it, and stay for a while."""
    store = ItemStore(WhoReads(), workers=1)
    connection.send(store.take(torch.arange(4))[0].item())
    time.sleep(seconds)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc to see processes in")
def test_workers_end_with_a_process_that_is_killed_or_that_ends_by_itself():
    started = []
    for seconds in (0.0, 600.0):
        mine, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=read, args=(theirs, seconds))
        process.start()
        started.append((process, mine))
    (ends, ends_says), (killed, killed_says) = started
    workers = [ends_says.recv(), killed_says.recv()]
    assert Path(f"/proc/{workers[1]}").exists()
    killed.kill()
    for process in (ends, killed):
        process.join(60)
    assert ends.exitcode == 0 and killed.exitcode == -9
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
