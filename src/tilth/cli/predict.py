"""tilth predict: answers for new items, from a bundle or a run."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tilth.cli._options import as_json, emit, force
from tilth.cli._verb import Verb
from tilth.errors import UserError

ELSEWHERE = {
    "codes": "in Python: tl.load({model!r}).encode(...), .sample(8)",
    "actions": "tilth play {model}",
    "samples": "tilth sample {model}",
    "translations": "in Python: tl.load({model!r}).translate(pictures, to='target')",
}
"""What a bundle answers with -> how it is asked, where not by this verb."""
DRAWN = ("pictures", "masks")


@dataclass(frozen=True)
class Asked:
    """What the command line asks: of which model, of which items, and in which way."""

    model: str
    items: tuple[str, ...]
    out: str | None
    views: int
    tiled: bool
    device: str
    force: bool


@click.command(
    "predict",
    cls=Verb,
    short_help="Answer for new items.",
    examples=[
        "tilth predict runs/flowers new.jpg more/",
        "tilth predict houses-model new.csv --out answers.csv",
        "tilth predict runs/sharper small/ --out sharper",
    ],
)
@click.argument("model", type=click.Path())
@click.argument("items", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    help="Write the answers to this .csv; pictures to this folder.",
)
@click.option(
    "--views",
    default=1,
    show_default=True,
    help="Views of each picture to average, where a class, labels or a number is told.",
)
@click.option("--tiled", is_flag=True, help="Masks of large pictures tile by tile, in their size.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda or mps.")
@force
@as_json
def command(as_json: bool, **asked: Any) -> None:
    """Answer for ITEMS (pictures, folders of them, tables) with the bundle or run MODEL.

    With --json, one JSON object per item. What cannot be read is named, the others are answered,
    and the exit code is 1.
    """
    ask = Asked(**asked)
    check_items(ask.items)
    kind = kind_of(ask.model)
    drawn, out = kind in DRAWN, ask.out
    check_ways(ask, kind)
    answers, failed = [], 0
    for answer in in_pictures(ask) if drawn else in_words(ask):
        failed += "error" in answer
        if out:
            answers.append(answer)
        if as_json:
            emit(answer)
        elif not out:
            click.echo(line(answer))
    if out:
        if not drawn:
            write_csv(answers, Path(out))
        click.echo(f"{len(answers) - failed:,} answers in {out}", err=True)
    if failed:
        for answer in answers if drawn and not as_json else ():
            if "error" in answer:
                click.echo(line(answer), err=True)
        click.echo(f"{failed:,} without an answer: see the errors beside them", err=True)
        sys.exit(1)


def kind_of(model: str) -> str:
    """Return what a bundle answers with; raise UserError where another verb asks for it."""
    from tilth.ship.open_bundle import stated_answers

    kind = stated_answers(model)
    if kind in ELSEWHERE:
        raise UserError(
            f"{model} answers with {kind}",
            rule="predict asks models that learned a target, or make pictures of pictures",
            fix=ELSEWHERE[kind].format(model=model),
        )
    return kind


def check_ways(ask: Asked, kind: str) -> None:
    """Raise UserError for ways of looking that a kind of answer does not have."""
    if ask.tiled and kind != "masks":
        rule = f"pictures whose masks are asked are tiled, and this model answers with {kind}"
        raise UserError("--tiled", rule=rule, fix="leave --tiled out")
    if kind in DRAWN and ask.views != 1:
        rule = "views are averaged where a picture is told, and this model makes pictures"
        raise UserError(f"--views {ask.views}", rule=rule, fix="leave --views out")


def in_words(ask: Asked) -> Iterator[dict[str, Any]]:
    """Yield what a model says of each item."""
    if ask.out:
        check_place(Path(ask.out), ask.force)
    from tilth.ship.predictor import Predictor, load

    predictor = load(ask.model, device=ask.device)
    assert isinstance(predictor, Predictor)
    items = ask.items[0] if len(ask.items) == 1 else list(ask.items)
    yield from predictor.predict_items(items, views=ask.views)


def in_pictures(ask: Asked) -> Iterator[dict[str, Any]]:
    """Write what a model makes of each picture, and yield where."""
    from tilth.cli._pictures import answered, places
    from tilth.ship.predictor import load

    where = places(ask.items, ask.out, ask.force)
    loaded: Any = load(ask.model, device=ask.device)
    yield from answered(loaded.tiled() if ask.tiled else loaded, where)


def check_items(items: tuple[str, ...]) -> None:
    """Raise UserError for what is not there."""
    for item in items:
        if not Path(item).exists():
            raise UserError(f"there is nothing at {item!r}", fix="check the path")


def check_place(path: Path, force: bool) -> None:
    """Raise UserError where no CSV is to be, or none can be."""
    if path.suffix.lower() != ".csv":
        better = path.with_suffix(".csv") if path.name else path / "answers.csv"
        raise UserError(
            f"--out {path}",
            rule="answers are written as CSV",
            fix=f"--out {better}; as JSON lines: --json > answers.jsonl",
        )
    if not path.parent.is_dir():
        raise UserError(f"--out {path}: there is no folder {path.parent}", fix="make it first")
    if path.exists() and not force:
        raise UserError(
            f"{path} exists", rule="nothing is overwritten unasked", fix="--force replaces it"
        )


def line(answer: dict[str, Any]) -> str:
    """Return one answer as a line of text."""
    if "error" in answer:
        return f"{answer['item']}\tERROR: {answer['error']}"
    sure, told = answer.get("probability"), answer["prediction"]
    if isinstance(told, list):
        told = ", ".join(told) or "none"
    if isinstance(told, dict):
        told = "; ".join(f"{name} {x:.1f}, {y:.1f}" for name, (x, y) in told.items())
    said = f"{answer['item']}\t{told}"
    return said if sure is None else f"{said}\t{sure:.3f}"


def write_csv(answers: list[dict[str, Any]], path: Path) -> None:
    """Write answers as a table, whole or not at all, with one column per class probability.

    Raises UserError where it cannot be written.
    """
    from tilth.files import write_text

    rows = [flat(answer) for answer in answers]
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    try:
        write_text(path, text.getvalue())
    except OSError as error:
        raise UserError(
            f"cannot write {path} ({error.strerror or error})", fix="choose another place"
        ) from error


def flat(answer: dict[str, Any]) -> dict[str, Any]:
    """Spread the probabilities, or the points, over columns."""
    from tilth.ship.prediction import PROBABILITY

    chances = answer.get("probabilities") or {}
    plain = {name: value for name, value in answer.items() if name != "probabilities"}
    said = plain.get("prediction")
    if isinstance(said, list):
        plain["prediction"] = ";".join(said)
    if isinstance(said, dict):
        del plain["prediction"]
        plain |= {
            f"{point}_{axis}": place
            for point, both in said.items()
            for axis, place in zip("xy", both, strict=True)
        }
    return plain | {PROBABILITY.format(label=label): chance for label, chance in chances.items()}
