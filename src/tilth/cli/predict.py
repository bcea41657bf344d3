"""tilth predict: answers for new items, from a bundle or a run."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click

from tilth.cli._options import as_json, emit, force
from tilth.errors import UserError
from tilth.ship.prediction import PROBABILITY


@click.command("predict", short_help="Answer for new items.")
@click.argument("model", type=click.Path())
@click.argument("items", nargs=-1, required=True, type=click.Path())
@click.option("--out", type=click.Path(), help="Write a CSV here instead of printing.")
@click.option("--device", default="cpu", show_default=True)
@force
@as_json
def command(
    model: str, items: tuple[str, ...], out: str | None, device: str, force: bool, as_json: bool
) -> None:
    """Answer for ITEMS (files, folders or a table) with the bundle or run MODEL.

    With --json, one JSON object per item. Items that cannot be read say so and the exit code is 1.
    """
    from tilth.ship.predictor import load

    if out and Path(out).exists() and not force:
        raise UserError(
            f"{out} exists", rule="nothing is overwritten unasked", fix="--force replaces it"
        )
    predictor = load(model, device=device)
    answers = list(predictor.predict_items(items[0] if len(items) == 1 else list(items)))
    if as_json:
        for answer in answers:
            emit(answer)
    elif out:
        write_csv(answers, Path(out))
        click.echo(f"{len(answers)} answers in {out}", err=True)
    else:
        for answer in answers:
            click.echo(line(answer))
    if any("error" in answer for answer in answers):
        sys.exit(1)


def line(answer: dict[str, Any]) -> str:
    """Return one answer as a line of text."""
    if "error" in answer:
        return f"{answer['item']}\tERROR: {answer['error']}"
    sure = answer.get("probability")
    said = f"{answer['item']}\t{answer['prediction']}"
    return said if sure is None else f"{said}\t{sure:.3f}"


def write_csv(answers: list[dict[str, Any]], path: Path) -> None:
    """Write answers as a table with one column per class probability."""
    rows = [flat(answer) for answer in answers]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def flat(answer: dict[str, Any]) -> dict[str, Any]:
    """Spread the probabilities over columns."""
    chances = answer.get("probabilities") or {}
    plain = {name: value for name, value in answer.items() if name != "probabilities"}
    return plain | {PROBABILITY.format(label=label): chance for label, chance in chances.items()}
