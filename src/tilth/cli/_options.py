"""Options that several verbs share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tilth.cli._verb import GROUP

if TYPE_CHECKING:
    from tilth.flow.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
quiet = click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
force = click.option("--force", is_flag=True, help="Replace what is there.")


def stack(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator that adds all the options, in this order."""

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def grouped(heading: str, *options: Callable[[F], F]) -> Callable[[F], F]:
    """Return ``stack`` of the options, which ``--help`` lists under a heading."""

    def add(function: F) -> F:
        before = len(getattr(function, "__click_params__", ()))
        function = stack(*options)(function)
        for parameter in function.__click_params__[before:]:  # type: ignore[attr-defined]
            setattr(parameter, GROUP, heading)
        return function

    return add


data_options = grouped(
    "The data",
    click.option("--target", help="Column to predict, of a table or of --labels."),
    click.option(
        "--task",
        help="classify, regress, multilabel or keypoints, where the inference is not wanted; or "
        "another task.",
    ),
    click.option("--onto", metavar="PATH", help="Pictures to adapt or translate to (--task)."),
    click.option("--labels", help="CSV of names and labels, or a pattern on the path (pictures)."),
    click.option("--masks", metavar="PATH", help="Folder or pattern of the pictures' masks."),
    click.option("--names", help="What the masks' values are called, from 0 on: sky,road,void."),
    click.option("--void", help="Names or values in masks that are not counted."),
    click.option("--pairs", metavar="PATH", help="Folder or pattern of the pictures wanted."),
    click.option(
        "--decisions", metavar="FILE", help="What a review decided: RUN/decisions.csv (pictures)."
    ),
    click.option("--size", metavar="PX", help="Side of the pictures, or HEIGHT,WIDTH."),
    click.option("--fix", "fixes", multiple=True, help="Repair to apply, such as labels."),
    click.option("--group", help="Column whose values stay in one split."),
    click.option("--time", help="Column that splits follow: the latest rows are the test."),
    click.option("--split-seed", type=int, help="Seed of the split alone.  [default: 0]"),
)
changes = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Any setting of `tilth init`: data.max_bad=0.05, or max_bad=0.05 for short.",
)
train_options = grouped(
    "The training",
    click.option(
        "--model", help="A network's name: one of tilth doctor's, or of timm's, as resnet34."
    ),
    click.option("--epochs", type=int, help="Passes over the training rows."),
    click.option("--minutes", type=float, help="Time budget of the training."),
    click.option("--batch-size", type=int, help="Rows in a step."),
    click.option(
        "--lr",
        metavar="RATE",
        help="Peak learning rate, or FIRST:LAST by layers, or :LAST; else usual or found.",
    ),
    click.option("--seed", type=int, help="Seed of weights, order and augmentation.  [default: 0]"),
    click.option("--device", help="auto, cpu, cuda or mps.  [default: auto]"),
    click.option("--dtype", help="float32 or bfloat16; measured otherwise."),
    click.option(
        "--compile/--no-compile",
        "compile_",
        default=None,
        help="Time torch.compile too, use it where it is faster.",
    ),
    click.option("--warm-start", type=click.Path(exists=True), help="Bundle or run to begin from."),
    click.option("--fine-tune", is_flag=True, help="Train the head first, then everything."),
    changes,
)

TARGETED = (
    "classify",
    "multilabel",
    "regress",
    "keypoints",
)  # the tasks that say how a target is read
HOMES = {
    **dict.fromkeys(
        ("target", "task", "onto", "labels", "masks", "names", "void", "pairs", "size"), "data"
    ),
    **dict.fromkeys(("decisions", "group", "time", "split_seed", "fixes"), "data"),
    **dict.fromkeys(
        ("epochs", "minutes", "batch_size", "lr", "seed", "device", "dtype", "compile"), "train"
    ),
    "warm_start": "model",
}


def again(context: click.Context, without: tuple[str, ...]) -> list[str]:
    """Return the options that this command line gave, but those named, to type once more."""
    words: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        given = source == click.core.ParameterSource.COMMANDLINE
        if isinstance(parameter, click.Option) and given and name not in without:
            value = context.params[name]
            if parameter.is_flag:
                words.append((parameter.opts if value else parameter.secondary_opts)[0])
            for one in () if parameter.is_flag else value if parameter.multiple else (value,):
                words += [parameter.opts[0], str(one)]
    return words


def settings_from(path: str, options: Mapping[str, Any]) -> Settings:
    """Return settings from a path (data, or a TOML file of settings), options and ``--set``."""
    from dataclasses import replace

    from tilth import registry
    from tilth.errors import UserError, choose
    from tilth.flow.settings import Settings, field_types, parse
    from tilth.flow.settings_file import read_settings

    is_file = Path(path).suffix == ".toml"
    found = read_settings(Path(path)) if is_file else Settings()
    if not is_file:
        found = replace(found, data=replace(found.data, path=path))
    given = {("compile" if k == "compile_" else k): v for k, v in options.items()}
    if given.get("task") not in (None, *TARGETED):
        name = choose(given.pop("task"), registry.names("tilth.tasks"), "task")
        found = replace(found, task=replace(found.task, name=name))
    for name, room in HOMES.items():
        value = given.get(name)
        if isinstance(value, str):
            value = parse(value, field_types(getattr(found, room))[name], name)
        if value not in (None, ()):
            found = replace(found, **{room: replace(getattr(found, room), **{name: value})})
    if given.get("fine_tune") and found.train.freeze_epochs is None:
        found = replace(found, train=replace(found.train, freeze_epochs=1))
    if given.get("model"):
        found = replace(found, model=replace(found.model, name=given["model"]))
    for change in given.get("changes", ()):
        name, equals, value = change.partition("=")
        if not equals:
            fix = "give a name and a value, as in --set train.epochs=5"
            raise UserError(f"--set {change}", rule="it is FIELD=VALUE", fix=fix)
        found = found.change(name.strip(), value.strip())
    return found


def emit(value: Any) -> None:
    """Print one JSON object on stdout."""
    click.echo(json.dumps(value, default=str))
