import json
import re
import subprocess
import sys
from pathlib import Path

import numpy
import polars
import pytest
import torch

from tilth.train import environment as module
from tilth.train.environment import (
    REDACTED,
    differences,
    environment,
    git_commit,
    redact,
    redact_command,
)


def test_versions_are_those_of_the_imported_packages():
    versions = environment(seed=0)["versions"]
    assert versions["torch"] == torch.__version__
    assert versions["numpy"] == numpy.__version__
    assert versions["polars"] == polars.__version__
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))


def test_it_is_plain_json_and_keeps_the_seed():
    found = environment(seed=7)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["seed"] == 7
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["time"])


def test_memory_agrees_with_the_kernel():
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        pytest.skip("only Linux lists its memory in a file")
    kilobytes = int(re.search(r"MemTotal:\s+(\d+) kB", meminfo.read_text()).group(1))
    assert environment(seed=0)["hardware"]["memory_bytes"] == kilobytes * 1024


def _git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_commit_and_whether_files_changed(tmp_path):
    _git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("1")
    _git(tmp_path, "add", "a.py")
    _git(tmp_path, "commit", "-q", "-m", "a")
    head = _git(tmp_path, "rev-parse", "HEAD")
    assert git_commit(tmp_path) == {"commit": head, "changed": False}
    (tmp_path / "a.py").write_text("2")
    assert git_commit(tmp_path) == {"commit": head, "changed": True}


def test_a_repository_cannot_make_the_note_run_a_program(tmp_path):
    _git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("1")
    _git(tmp_path, "add", "a.py")
    _git(tmp_path, "commit", "-q", "-m", "a")
    script = tmp_path / "monitor.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
    script.chmod(0o755)
    _git(tmp_path, "config", "core.fsmonitor", str(script))
    _git(tmp_path, "status")
    assert (tmp_path / "canary").exists()  # plain git does run it
    (tmp_path / "canary").unlink()
    assert git_commit(tmp_path)["changed"] is False
    assert not (tmp_path / "canary").exists()


def test_without_git_or_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(Path(module.__file__).parent) is None


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "aws_secret_access", "API_KEY", "DbPassword", "TILTH_KEY_FILE"]
)
def test_what_is_named_like_a_secret_is_redacted(name):
    assert redact({"a": [{name: "s3cret"}]}) == {"a": [{name: REDACTED}]}
    assert redact_command([f"--{name}=s3cret", f"--{name}", "s3cret"]) == [
        f"--{name}={REDACTED}",
        f"--{name}",
        REDACTED,
    ]


def test_no_secret_of_the_environment_reaches_the_file(monkeypatch):
    monkeypatch.setenv("TILTH_TOKEN", "s3cret")
    monkeypatch.setenv("DATABASE_URL", "s3cret")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(sys, "argv", ["tilth", "--password", "s3cret", "data"])
    found = environment(seed=0)
    assert "s3cret" not in json.dumps(found)
    assert found["settings"]["OMP_NUM_THREADS"] == "2"
    assert found["command"] == ["tilth", "--password", REDACTED, "data"]


def test_differences_name_what_changed_and_nothing_else():
    before = environment(seed=0)
    assert differences(before, environment(seed=1)) == []
    now = json.loads(json.dumps(before))
    now["versions"]["numpy"] = "1.0"
    now["hardware"]["cores"] = 640
    assert differences(before, now) == [
        f"numpy: {numpy.__version__} -> 1.0",
        f"cores: {before['hardware']['cores']} -> 640",
    ]
