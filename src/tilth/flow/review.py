"""A review of a run: its suspects are gathered, its page is served, decisions go to a file."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tilth import console
from tilth.audit.review.near_copies import near_copies
from tilth.audit.review.projection import Maps, activations
from tilth.audit.review.server import ReviewServer
from tilth.audit.review.session import Session
from tilth.audit.review.suspects import MOST_COPIES, Suspect, copied, mislabelled, worst_errors
from tilth.data.dataset import IntArray, as_rows
from tilth.data.decisions import read as read_decisions
from tilth.data.image_data import ImageData, read_images
from tilth.errors import UserError, choose
from tilth.flow.agreement import check_same_data
from tilth.flow.fitting_models import WORDS
from tilth.flow.learner import Learner
from tilth.flow.out_of_fold import out_of_fold, phases_of
from tilth.flow.phase import recorded_plans
from tilth.flow.settings import Settings, as_text
from tilth.flow.settings_file import later_fits, settings_of_run
from tilth.flow.sources import read
from tilth.flow.train import Job, bundled, make_learner
from tilth.ship.open_bundle import Opened, open_bundle
from tilth.train.run_folder import CONFIG, RunFolder
from tilth.wording import counted

FOLDS, MOST_FOLDS = 4, 20
EPOCHS_PART, LEAST_EPOCHS = 5, 4
"""A net of a fold learns for a fifth of the run's epochs, and for four at the least.

In fine-tuning these are the epochs of the last phase; those before it are as long as in the run.
"""
DECISIONS = "decisions.csv"
_MOST_ON_MAP = 50_000
_BATCH = 256
Say = Callable[[str], None]


def open_review(
    run: str | Path,
    *,
    pictures: str | Path | None = None,
    folds: int = FOLDS,
    epochs: int | None = None,
    layer: str | None = None,
    quiet: bool = False,
) -> Session:
    """Gather what of a run's pictures a person should look at, and return the session.

    pictures: another folder, with labels or none, to be shown on the map of the run's net instead
    of its own data; folds, epochs: of the nets that are trained to judge labels (their answers
    are kept in the run, so that it is done once); layer: of the net, as it calls it ("body.3"),
    to be a map too, beside the parts of its body that learn; "body" is what the head sees
    Raises UserError for runs that do not predict from pictures, whose data changed, or which are
    not done, and for a layer that the net does not have.
    """
    say: Say = (lambda text: None) if quiet else console.say
    if not 2 <= folds <= MOST_FOLDS:
        raise UserError(
            f"folds={folds}",
            rule=f"each of 2 to {MOST_FOLDS} nets judges the labels that it did not learn from",
        )
    if epochs is not None and epochs < 1:
        raise UserError(f"epochs={epochs}", rule="a net learns for one epoch at the least")
    folder = bundled(Path(run)).folder
    if folder.status != "done":
        raise UserError(f"{run} is not done", fix=folder.goes_on_with)
    settings = settings_of_run(folder.config, folder.path)
    learner = make_learner(read(settings.data), Job(settings, quiet=True))
    check_same_data(folder, learner)
    opened = open_bundle(folder.model)
    if not isinstance(learner.data, ImageData) or opened.task is None:
        raise _not_reviewed(run, learner)
    if layer is not None:
        choose(layer, [name for name, _ in opened.model.named_modules() if name], "layer")
    if pictures is not None:
        return _of_pile(folder, learner.data, opened, Path(pictures), layer, say)
    data, notes = learner.data, list[str]()
    suspects: list[Suspect] = []
    if data.target.kind == "classes":
        suspects += _mislabelled(folder, learner, settings, folds, epochs, say, notes)
    suspects += _copies(data, say, notes)
    suspects += worst_errors(data, folder.read_record("audit"))
    path = _begun(folder, settings)
    return _session(data, data, opened, layer, path, suspects, notes)


def _not_reviewed(run: str | Path, learner: Learner) -> UserError:
    """Say what a run is that has no review, and what shows its data where anything does."""
    data, fix = learner.data, ""
    if isinstance(data, ImageData):
        fix = "tilth review RUN --pictures FOLDER shows its pictures to the net of such a run"
    elif data.kind == "table":
        fix = "tilth check lists what looks wrong in a table"
    return UserError(
        f"{run} is a run of {learner.task.name} on {WORDS.get(data.kind, data.kind)}",
        rule="runs are reviewed that predict classes, several labels, a number or points of "
        "pictures",
        fix=fix,
    )


def _begun(folder: RunFolder, settings: Settings) -> Path:
    """Return the run's file of decisions; it begins with those that the run was trained with."""
    path = folder.path / DECISIONS
    earlier = settings.data.decisions
    if earlier and not path.exists() and Path(earlier).is_file():
        shutil.copyfile(earlier, path)
    return path


def _mislabelled(
    folder: RunFolder,
    learner: Learner,
    settings: Settings,
    folds: int,
    epochs: int | None,
    say: Say,
    notes: list[str],
) -> list[Suspect]:
    data, plans = as_rows(learner.data), recorded_plans(folder)
    phases = len(phases_of(learner))  # their epochs are as recorded: minutes may have cut them
    before = sum(plan.epochs for plan in plans[: max(phases - 1, 0)])
    whole = sum(plan.epochs for plan in plans) - before
    passes = epochs or max(LEAST_EPOCHS, whole // EPOCHS_PART)
    frozen = plans[0].epochs if phases else None
    rate = settings.train.lr or plans[0].lr  # one that was measured is in the plan alone
    train = replace(settings.train, epochs=passes, minutes=None, freeze_epochs=frozen, lr=rate)
    job = Job(replace(settings, train=train), quiet=True)
    each = counted(before + passes, "epoch", "epochs")
    told = f"{folds} nets, each trained for {each} on the other rows"
    say(f"labels are judged by {told}")
    answers = out_of_fold(
        data,
        lambda part: make_learner(part, job),
        folds=folds,
        seed=settings.train.seed,
        kept=folder.path / "review",
        numerics=plans[-1].numerics,
        say=say,
    )
    notes.append(f"Labels were judged by {told} (confident learning).")
    return mislabelled(data, answers.rows, answers.probabilities)


def _copies(data: ImageData, say: Say, notes: list[str]) -> list[Suspect]:
    say("looking for near duplicates")
    black, white = data.preprocessor.value_range
    rows = _all_rows(data)
    found = near_copies(data.store, rows, white - black, data.splits)
    if found.among < len(rows):
        notes.append(
            f"Near duplicates were looked for among {found.among:,} of the {len(rows):,} pictures, "
            "spread evenly; equal ones among all."
        )
    if len(found.pairs) > MOST_COPIES:
        notes.append(
            f"{len(found.pairs):,} pairs look alike, as very simple pictures do by chance; "
            f"{MOST_COPIES} are shown, those across splits and the most alike first."
        )
    if not found.complete:
        notes.append("Near duplicates were looked for among the most alike pairs only.")
    return copied(data, found)


def _of_pile(
    folder: RunFolder, own: ImageData, opened: Opened, path: Path, layer: str | None, say: Say
) -> Session:
    """Return a session of another folder of pictures, seen by the run's net."""
    ready = own.preprocessor
    data = read_images(
        path, size=(ready.height, ready.width), grey=ready.channels == 1, fit=ready.fit
    )
    notes = [f"{data.name} as the net of {folder.path} sees it."]
    place = path.resolve()
    known = hashlib.sha256(os.fsencode(place)).hexdigest()[:8]  # two folders may share a name
    decisions = folder.path / f"decisions-{place.name}-{known}.csv"
    return _session(data, own, opened, layer, decisions, _copies(data, say, notes), notes)


def _session(
    data: ImageData,
    learned: ImageData,
    opened: Opened,
    layer: str | None,
    decisions: Path,
    suspects: list[Suspect],
    notes: list[str],
) -> Session:
    """Return the session; learned: the data whose preprocessing the net knows."""
    rows = _all_rows(data)
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ON_MAP)).astype(np.int64)]
    prepare = replace(data, preprocessor=learned.preprocessor).prepare(train=False)
    pieces = torch.split(torch.from_numpy(some), _BATCH)
    inputs = (prepare(data.store.take(piece), piece, 0) for piece in pieces)
    features = activations(opened.model, inputs, layer)
    pixels = {"pixels": data.flat_features(some)}
    if decisions.is_file():
        read_decisions(decisions)  # a damaged file is told before the page is opened
    return Session(data, decisions, suspects, some, Maps({**pixels, **features}), notes)


def _all_rows(data: ImageData) -> IntArray:
    return np.sort(np.concatenate(list(data.splits.values())))


def serve(session: Session, *, port: int = 0, browser: bool = True, quiet: bool = False) -> None:
    """Serve the page of a session until Ctrl-C.

    browser: whether it is opened there too; port: 0 for one that is free
    """
    import webbrowser

    with ReviewServer(session, port=port) as server:
        console.say(f"review: {server.address}")
        console.say("Ctrl-C ends it; every decision is on the disk already")
        if browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            if not quiet:
                console.say("")


def summary(session: Session) -> dict[str, object]:
    """Return what was found and decided, as plain values."""
    counts = session.progress()["counts"]
    kinds = [one.kind for one in session.suspects]
    return {
        "suspects": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
        "decided": {kind: counts.get(kind, 0) for kind in ("relabel", "drop", "keep")},
        "decisions": str(session.decisions),
    }


def following(run: str | Path, session: Session, pictures: str | Path | None = None) -> str:
    """Return the command that trains with what was decided, or goes on deciding.

    The run's own data is learned by the run's settings, or by its script where they are not all of
    it; another folder, whose labels are the decisions, as pictures of the same form by its net.
    """
    if not session.decisions.is_file():
        words = ["tilth", "review", str(run)]
        return shlex.join([*words, *(["--pictures", str(pictures)] if pictures else [])])
    if not pictures and later_fits(RunFolder.open(run).config):
        return f"run the script of {run} again, on data.apply({str(session.decisions)!r})"
    path = pictures or Path(run) / CONFIG
    words = ["tilth", "train", str(path), "--decisions", str(session.decisions)]
    return shlex.join([*words, *(_form(run, session) if pictures else [])])


def _form(run: str | Path, session: Session) -> list[str]:
    """Return the options that read another folder as a run reads its pictures, and its net."""
    data = session.data
    assert isinstance(data, ImageData)
    config = RunFolder.open(run).config
    ready, model = data.preprocessor, settings_of_run(config, Path(run)).model
    grey = "yes" if ready.channels == 1 else "no"
    words = ["--size", f"{ready.height},{ready.width}"]
    words += ["--set", f"data.grey={grey}", "--set", f"data.fit={ready.fit}"]
    words += ["--model", str(model.name)]
    for name, value in model.arguments.items():
        words += ["--set", f"model.arguments.{name}={as_text(value)}"]
    return words + (["--warm-start", model.warm_start] if model.warm_start else [])
