"""tilth review: a local page with suspects, where a person decides."""

from __future__ import annotations

from pathlib import Path

import click

from tilth.cli._options import as_json, emit, quiet
from tilth.cli._verb import Verb


@click.command(
    "review",
    cls=Verb,
    short_help="Look at suspects on a local page, and decide.",
    examples=[
        "tilth review runs/flowers",
        "tilth review runs/flowers --pictures pile/",
        "tilth review runs/flowers --json",
    ],
)
@click.argument("run", type=click.Path())
@click.option(
    "--pictures",
    type=click.Path(),
    help="Another folder, to label on the map of this run's net.",
)
@click.option("--folds", type=int, default=4, show_default=True, help="Nets that judge labels.")
@click.option(
    "--epochs", type=int, help="Passes of each whole net; a fifth of the run's otherwise."
)
@click.option(
    "--layer", metavar="NAME", help="A layer of the net to have a map too, such as body.3."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the page; a free one otherwise.",
)
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@quiet
@as_json
def command(
    run: str,
    pictures: str | None,
    folds: int,
    epochs: int | None,
    layer: str | None,
    port: int,
    no_browser: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show what of RUN's pictures may be wrong: labels that nets which did not learn from them
    doubt, near duplicates, the worst errors. Decisions go to RUN/decisions.csv as they are made;
    no picture is changed or deleted. With --json it lists the suspects and serves no page.
    """
    from tilth import console
    from tilth.flow.review import following, open_review, serve, summary

    session = open_review(
        run, pictures=pictures, folds=folds, epochs=epochs, layer=layer, quiet=quiet
    )
    if not as_json:
        serve(session, port=port, browser=not no_browser, quiet=quiet)
    found = summary(session)
    if as_json:
        state = session.state()
        listed = [{**one, "item": state["items"][one["row"]]["item"]} for one in state["suspects"]]
        emit({"run": str(Path(run)), **found, "listed": listed})
        return
    told = found["decided"]
    assert isinstance(told, dict)
    said = ", ".join(f"{count} {word}" for word, count in zip(
        ("relabelled", "dropped", "kept"), told.values(), strict=True))  # fmt: skip
    console.say(f"decided: {said} ({session.decisions})")
    console.say(f"Next: {following(run, session, pictures)}")
