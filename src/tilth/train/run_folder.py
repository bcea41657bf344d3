"""A run as a folder of plain files, which other tools and people can read.

config.toml (what was asked), env.json (where it ran), data.json (hashes and split ids),
metrics.jsonl (one record a line), checkpoints/, audit.json, report.html, model/ (the bundle), and
DONE or FAILED once it ended.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tempfile
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tilth import files
from tilth.aside import clean_up
from tilth.errors import UserError, nearest
from tilth.plain import plain
from tilth.train.environment import differences, environment
from tilth.train.toml import dump

CONFIG, ENVIRONMENT, METRICS, DONE, FAILED = (
    "config.toml",
    "env.json",
    "metrics.jsonl",
    "DONE",
    "FAILED",
)
RECORDS = ("data", "audit")
"""The JSON records a run may have beside its configuration and environment."""

Status = Literal["unfinished", "done", "failed"]


def default_path(data_name: str, *, now: datetime | None = None) -> Path:
    """Return ``runs/<data name>-<UTC time>``, a folder that does not exist yet.

    >>> default_path("my flowers!", now=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)).as_posix()
    'runs/my-flowers-20300102-030405'
    """
    name = re.sub(r"[^\w.]+", "-", data_name).strip("-.") or "data"
    stem = f"{name}-{(now or datetime.now(UTC)).strftime('%Y%m%d-%H%M%S')}"
    path, number = Path("runs", stem), 1
    while path.exists():
        number += 1
        path = Path("runs", f"{stem}-{number}")
    return path


class RunFolder:
    """The files of one run; made by ``create`` or ``open``.

    >>> import tempfile
    >>> run = RunFolder.create(Path(tempfile.mkdtemp(), "first"), config={"seed": 0})
    >>> run.append_metrics({"step": 1, "loss": 0.5})
    >>> run.metrics()
    [{'step': 1, 'loss': 0.5}]
    >>> run.mark_done({"accuracy": 0.99})
    >>> run.status
    'done'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tail_is_whole = False  # a kill can leave half a line, which must not gain a second

    @classmethod
    def create(
        cls, path: str | Path, *, config: Mapping[str, Any], force: bool = False
    ) -> RunFolder:
        """Make the folder, write config.toml and env.json, and return it.

        config: plain values; ``config["seed"]`` (0 where absent) also goes into env.json
        force: replace a run that is there already (never anything that is not a run)

        Raises UserError where a run or other files are in the way, or nothing can be written.
        """
        path = Path(path)
        text = dump(config)  # an unusable configuration is told before anything is touched
        try:
            _make_way(path, force)
            path.mkdir(parents=True, exist_ok=True)
            (path / CONFIG).open("x").close()  # of two that try at once, one gets it
        except FileExistsError:
            raise _in_the_way(path) from None
        except OSError as error:
            raise _not_writable(path, error) from error
        try:
            files.write_text(path / CONFIG, text)
            files.write_json(path / ENVIRONMENT, environment(int(config.get("seed", 0))))
            (path / METRICS).touch()
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise _not_writable(path, error) from error
        return cls(path)

    @staticmethod
    def check_free(path: Path, *, force: bool = False) -> None:
        """Raise UserError where ``create`` would; what is there already is left alone."""
        if _is_taken(path) and not (force and is_run(path)):
            raise _in_the_way(path)
        there = next(one for one in (path, *path.absolute().parents) if one.exists())
        try:
            tempfile.TemporaryDirectory(dir=there).cleanup()  # rights alone do not tell
        except OSError as error:
            raise _not_writable(path, error) from error

    @property
    def goes_on_with(self) -> str:
        """What goes on with the run: a command, or what to do where it needs the user's code."""
        return goes_on_with(self.path, self.config)

    @classmethod
    def create_default(cls, data_name: str, *, config: Mapping[str, Any]) -> RunFolder:
        """Make a run in a new folder ``runs/<data name>-<UTC time>``, as ``create`` does."""
        while True:
            path = default_path(data_name)
            try:
                return cls.create(path, config=config)
            except UserError:
                if not path.exists():  # it could not be made; else another run was quicker
                    raise

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Return the run at ``path``; raises UserError where there is none."""
        path = Path(path)
        if not (path / CONFIG).is_file():
            raise UserError(
                f"{path} is not a run" if path.exists() else f"there is no folder {path}",
                rule=f"a run is a folder with {CONFIG} in it",
                fix=_similar_run(path),
            )
        return cls(path)

    @staticmethod
    def clear_stillborn(path: Path, *, config: Mapping[str, Any]) -> None:
        """Remove a folder whose ``create`` was killed: there is nothing in it to go on with.

        Left alone where it holds anything else, or the configuration of another run.
        """
        if not (path / CONFIG).is_file():
            return
        clean_up(path)
        ours = {entry.name for entry in path.iterdir()} <= {CONFIG, ENVIRONMENT, METRICS}
        if ours and (path / CONFIG).read_bytes() in (b"", dump(config).encode()):
            shutil.rmtree(path)

    @property
    def config(self) -> dict[str, Any]:
        """What was asked, from config.toml; raises UserError where it is not TOML."""
        try:
            return tomllib.loads((self.path / CONFIG).read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{self.path / CONFIG} cannot be read: {error}") from error

    @property
    def environment(self) -> dict[str, Any]:
        """Where the run began, from env.json; "resumed" lists where it went on elsewhere."""
        return _read_json(self.path / ENVIRONMENT)

    def note_resume(self) -> list[str]:
        """Return which versions and hardware changed since the run was last at work.

        Where some did, env.json gains an entry of "resumed": this environment, and "changed".
        """
        begun = self.environment
        resumed = begun.get("resumed", [])
        now = environment(begun.get("seed", 0))
        changed = differences(resumed[-1] if resumed else begun, now)
        if changed:
            resumed = [*resumed, {**now, "changed": changed}]
            files.write_json(self.path / ENVIRONMENT, {**begun, "resumed": resumed})
        return changed

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The folder of the bundle."""
        return self.path / "model"

    @property
    def report(self) -> Path:
        """The report's file."""
        return self.path / "report.html"

    def write_record(self, name: Literal["data", "audit"], content: Mapping[str, Any]) -> None:
        """Write data.json or audit.json; numbers that are not finite become null (None)."""
        files.write_json(self.path / _record_name(name), plain(content))

    def read_record(self, name: Literal["data", "audit"]) -> dict[str, Any]:
        """Read data.json or audit.json; raises UserError where the run has not got that far."""
        path = self.path / _record_name(name)
        if not path.exists():
            raise UserError(
                f"{self.path} has no {path.name}",
                rule="it is written when the run gets that far",
                fix=f"resume it: tilth resume {shlex.quote(str(self.path))}",
            )
        return _read_json(path)

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Add a line to metrics.jsonl; numbers that are not finite become null (None)."""
        line = json.dumps(plain(record), allow_nan=False)
        path = self.path / METRICS
        if not self._tail_is_whole:
            _drop_half_line(path)
        self._tail_is_whole = False  # until the line is: a full disk may take a part of it
        with path.open("ab") as file:
            file.write(line.encode() + b"\n")
        self._tail_is_whole = True

    def metrics(self) -> list[dict[str, Any]]:
        """Return the records of metrics.jsonl, without a last line that a kill cut short.

        A damaged line elsewhere is left out with a warning.
        """
        path = self.path / METRICS
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        records = []
        for number, line in enumerate(lines[:-1], 1):  # what follows the last newline is torn
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if isinstance(record, dict):
                records.append(record)
            else:
                warnings.warn(f"{path}: line {number} is damaged and left out", stacklevel=2)
        return records

    def write_metrics(self, kept: Sequence[Mapping[str, Any]]) -> None:
        """Replace the records: a resumed run drops those that it is about to write again."""
        files.write_text(self.path / METRICS, "".join(json.dumps(one) + "\n" for one in kept))
        self._tail_is_whole = True

    @property
    def status(self) -> Status:
        """Say how the run ended: "unfinished" while it runs, and where it was killed."""
        if (self.path / DONE).exists():
            return "done"
        return "failed" if (self.path / FAILED).exists() else "unfinished"

    @property
    def outcome(self) -> dict[str, Any]:
        """What ``mark_done`` or ``mark_failed`` wrote; {} for an unfinished run."""
        status = self.status
        return {} if status == "unfinished" else _read_json(self.path / status.upper())

    def mark_done(self, summary: Mapping[str, Any]) -> None:
        """Write DONE with the time and a summary of the result."""
        files.write_json(self.path / DONE, {"time": _now(), **plain(summary)})
        (self.path / FAILED).unlink(missing_ok=True)

    def mark_failed(self, error: BaseException) -> None:
        """Write FAILED with the time and what went wrong."""
        found = {"time": _now(), "error": type(error).__name__, "message": str(error)}
        files.write_json(self.path / FAILED, found)

    def mark_resumed(self) -> None:
        """Take FAILED or DONE away: the run goes on."""
        for name in (DONE, FAILED):
            (self.path / name).unlink(missing_ok=True)


def _is_taken(path: Path) -> bool:
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def _make_way(path: Path, force: bool) -> None:
    """Make sure that ``path`` is free, by removing the run in it where ``force`` says so."""
    if not _is_taken(path):
        return
    if not (force and is_run(path)):
        raise _in_the_way(path)
    shutil.rmtree(path)


def is_run(path: Path) -> bool:
    """Be stricter than ``open``: other programs have a config.toml too, and this may delete."""
    return (path / CONFIG).is_file() and (path / ENVIRONMENT).is_file()


def _in_the_way(path: Path) -> UserError:
    if is_run(path):
        status: str = RunFolder(path).status
        if status == "done" and not (path / "audit.json").is_file():
            status = "trained, not looked at yet"
        goes_on = f"resume=True (tilth resume {shlex.quote(str(path))}) goes on with it, "
        return UserError(
            f"{path} holds a run already ({status})",
            rule="nothing is overwritten unasked",
            fix=f"{'' if status == 'done' else goes_on}force=True (--force) replaces it, "
            "run= (-o) names another",
        )
    return UserError(
        f"{path} exists and is not a run",
        rule="a run gets a folder of its own",
        fix="choose another folder with run= (-o)",
    )


def goes_on_with(path: Path, config: Mapping[str, Any]) -> str:
    """Return what goes on with a run of this configuration: a command, or words.

    >>> goes_on_with(Path("runs/a"), {"data": {"path": "flowers"}})
    'tilth resume runs/a'
    >>> goes_on_with(Path("runs/a"), {"own": {"model": ["Net"]}})
    "run the same script again with run='runs/a' and fit(..., resume=True)"
    """
    if "again" in config:
        return str(config["again"])
    if lacking(config):
        return f"run the same script again with run={str(path)!r} and fit(..., resume=True)"
    return f"tilth resume {shlex.quote(str(path))}"


def lacking(config: Mapping[str, Any]) -> str:
    """Return what made a run of this configuration beside it, in words; nothing where it is all.

    >>> lacking({"data": {"path": "flowers"}}), lacking({"own": {"model": ["Net"]}})
    ('', 'it was trained from Python with parts of its own (model Net)')
    """
    if "again" in config:
        return "it was begun by a command that makes or splits its data itself"
    if "own" in config:
        own = "; ".join(f"{part} {', '.join(names)}" for part, names in config["own"].items())
        return f"it was trained from Python with parts of its own ({own})"
    in_file = config.get("data", {}).get("path")
    return "" if in_file else "it was trained from Python on data in memory"


def _not_writable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write the run to {path} ({error.strerror or error})",
        rule="a run needs a folder it can write to before training begins",
        fix="choose another folder with run= (-o)",
    )


def _similar_run(path: Path) -> str:
    if not path.parent.is_dir():
        return "check the path"
    runs = [entry.parent.name for entry in path.parent.glob(f"*/{CONFIG}")]
    guess = nearest(path.name, runs)
    return f"did you mean {path.parent / guess}?" if guess else "tilth runs lists the runs"


def _record_name(name: str) -> str:
    if name not in RECORDS:
        raise UserError(f"record {name!r}", choices=RECORDS)
    return f"{name}.json"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} cannot be read: it holds no JSON object")
    return content


def _drop_half_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
