"""The command line: finds the verb's file, runs it, turns errors into exit codes.

Exit codes: 0 ok, 1 failed, 2 the user's input, 130 interrupted.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

import click

import tilth.cli
from tilth.cli._verb import explain
from tilth.errors import TilthError, choose

VERBS = (
    "demo", "check", "find-lr", "train", "resume", "predict", "report", "review",
    "export", "runs", "compare", "init", "doctor",
)  # fmt: skip
"""The order of ``--help``: that of the work. A file that is not named here comes last."""


class Verbs(click.Group):
    """One file per verb in this folder; none is imported before it is used."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the verbs in the order of the work."""
        found = {
            module.name.replace("_", "-")
            for module in pkgutil.iter_modules(tilth.cli.__path__)
            if not module.name.startswith("_") and module.name != "main"
        }
        return [verb for verb in VERBS if verb in found] + sorted(found - set(VERBS))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a verb's file and return its command."""
        if name not in self.list_commands(context):
            return None
        module = importlib.import_module(f"tilth.cli.{name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the verb that was probably meant."""
        verbs = self.list_commands(context)
        if args and not args[0].startswith("-"):
            choose(args[0], verbs, "verb")
        return super().resolve_command(context, args)


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tilth", message="tilth %(version)s")
def tilth_command() -> None:
    """From your own data to a model you can trust and run.

    tilth train flowers/          pictures in class folders

    tilth train houses.csv --target price
    """


def program() -> None:
    """Be the program ``tilth``: after its last line, Ctrl-C changes nothing any more."""
    try:
        main()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with warnings.catch_warnings():
        warnings.showwarning = tell_warning
        run(given)


def run(given: list[str]) -> None:
    """Run a command line; every end but success is an exit with its code."""
    try:
        tilth_command.main(given, prog_name="tilth", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        sys.exit(2)
    except click.ClickException as error:
        tell(explain(error), given, code=2)
    except TilthError as error:
        tell(str(error), given, code=error.exit_code)
    except click.exceptions.Abort as stop:  # what click makes of a KeyboardInterrupt
        tell(str(stop.__cause__ or "") or "stopped", given, code=130)  # it says how to go on
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:  # scripts wait for an exit code, and for JSON where they asked
        if sys.flags.dev_mode:
            raise
        tell(unforeseen(error), given, code=1)


def unforeseen(error: Exception) -> str:
    """Return what went wrong that is no mistake tilth knows: the system's words, and where.

    >>> unforeseen(OSError(28, "No space left on device", "runs/a"))
    "No space left on device: 'runs/a'"
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f": {str(error.filename)!r}" if error.filename else "")
    said = " ".join(str(error).split()) or "no message"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return (
        f"{type(error).__name__}{where}: {said.rstrip('.')}. "
        "Fix: python -X dev -m tilth ... shows where it comes from."
    )


def tell(message: str, given: list[str], *, code: int) -> None:
    """Say an error on stderr, and as JSON on stdout where that was asked for; exit."""
    print(message if code == 130 else f"tilth: {message}", file=sys.stderr)
    if "--json" in given:
        print(json.dumps({"error": message, "exit_code": code}))
    sys.exit(code)


def tell_warning(message: Warning | str, *where: object, **more: object) -> None:
    """Say a warning as a line for people; the line of code it came from is none of theirs."""
    print(f"tilth: warning: {message}", file=sys.stderr)
