"""The runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tilth.errors import UserError
from tilth.train.run_folder import CONFIG, RunFolder


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """Return one entry per run in ``folder``, newest last; raise UserError without the folder."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", fix="tilth train ... makes runs/")
    paths = sorted(folder.glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime)
    return [entry(RunFolder.open(path.parent)) for path in paths]


def entry(run: RunFolder) -> dict[str, Any]:
    """Return what is known of one run."""
    outcome = run.outcome
    scores = {k: v for k, v in outcome.items() if k.startswith("valid/") and v is not None}
    try:
        name = run.read_record("data")["name"]
    except UserError:
        name = "unknown data"
    return {
        "run": str(run.path),
        "status": run.status,
        "data": name,
        "model": run.config.get("model", {}).get("name", "default"),
        "seconds": outcome.get("seconds"),
        "scores": scores,
    }
