"""How every verb explains itself: grouped options, an example, mistakes with a way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from tilth.errors import nearest

GROUP = "help_group"


class Verb(click.Command):
    """A command with examples, whose ``--help`` lists options under headings.

    examples: whole command lines; a heading is what ``grouped`` gave an option
    """

    def __init__(self, *args: Any, examples: Sequence[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = list(examples)

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the examples, then the options of each heading in the order of declaration."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(context):
            if isinstance(parameter, click.Argument):
                continue  # the text above says what they are
            record = parameter.get_help_record(context)
            if record is not None:
                heading = getattr(parameter, GROUP, "Options")
                groups.setdefault(heading, []).append(record)
        for heading in sorted(groups, key=lambda heading: heading == "Options"):
            with formatter.section(heading):
                formatter.write_dl(groups[heading])


def explain(error: click.ClickException) -> str:
    """Return what is wrong with a command line, in the form of every other message."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "tilth"
    fix = f"Fix: {path} --help says what it takes."
    if isinstance(error, click.NoSuchOption):
        options = [name[2:] for one in known(context) for name in one.opts if name[:2] == "--"]
        guess = nearest(error.option_name.lstrip("-"), options)
        fix = f"Fix: did you mean '--{guess}'?" if guess else fix
        return f"unknown option {error.option_name!r}. {fix}"
    said = error.format_message().rstrip(".")
    said = said[:1].lower() + said[1:]
    return f"{said}. {fix}" if isinstance(error, click.UsageError) else said


def known(context: click.Context | None) -> list[click.Parameter]:
    """Return the parameters of the command that was called."""
    return [] if context is None else context.command.get_params(context)
