"""The runs in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tilth.errors import UserError
from tilth.train.run_folder import CONFIG, RunFolder, goes_on_with


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """Return one entry per run in ``folder``, newest first; raise UserError without the folder."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", fix="tilth train ... makes runs/")
    paths = sorted(folder.glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [entry(RunFolder.open(path.parent)) for path in paths]


def entry(run: RunFolder) -> dict[str, Any]:
    """Return what is known of one run.

    status: "trained" where it is done and was not looked at, "unreadable" where its files are
    damaged; else the run's own
    """
    config, outcome = recorded(lambda: run.config), recorded(lambda: run.outcome)
    status: str = run.status
    if not config or (status != "unfinished" and not outcome):
        status = "unreadable"
    elif status == "done" and not (run.path / "audit.json").is_file():
        status = "trained"
    scores = {k: v for k, v in outcome.items() if k.startswith("valid/") and v is not None}
    data = recorded(lambda: run.read_record("data"))
    return {
        "run": str(run.path),
        "status": status,
        "begun": recorded(lambda: run.environment).get("time"),
        "data": data.get("name", "unknown data"),
        "model": config.get("model", {}).get("name", "default"),
        "seconds": outcome.get("seconds"),
        "main_metric": recorded(lambda: run.read_record("audit")).get("main_metric"),
        "test_rows": data.get("splits", {}).get("test", {}).get("sha256"),
        "scores": scores,
        "resume": goes_on_with(run.path, config),
    }


def recorded(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a record of a run, {} where it is missing or damaged."""
    try:
        return read()
    except (UserError, OSError):
        return {}
