"""What every test gets: one thread, private random streams, a private cache, no network."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch

# the same examples on every run and machine; a time limit would fail on a busy one
hypothesis.settings.register_profile(
    "house", deadline=None, derandomize=True, max_examples=50, database=None
)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of data sets; skip the test where there is none."""
    named = os.environ.get("TILTH_DATA", "")
    if not named:
        pytest.skip("TILTH_DATA does not name a folder of data sets")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"TILTH_DATA={named} is not a folder")
    return folder


@pytest.fixture(autouse=True)
def _private_state(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """One thread and seeded random streams for each test, so that order does not matter."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("TILTH_CACHE", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MPLBACKEND", "agg")
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global stream is what has to be private
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in {"localhost", "127.0.0.1", "::1", ""}:
            raise OSError(f"a test tried to reach {host}: tests run without the network")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
