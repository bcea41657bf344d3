"""A bundle: a trained model as a folder of plain files, in the layout of the Hugging Face hub.

model.safetensors (weights), config.json (architecture by name, task, target, temperature),
preprocessor_config.json, labels.json, README.md (the model card), manifest.json (SHA-256 of each
file). Nothing in it can carry code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from torch import nn

from tilth import files, registry
from tilth.data.dataset import Preprocessor, Target
from tilth.errors import UserError, choose
from tilth.ship import architecture as architectures
from tilth.ship import preprocessors
from tilth.ship.commit import commit_bundle
from tilth.ship.weights import plain_model, weight_bytes

FORMAT_VERSION = 1
"""Goes up when an older tilth could not read the folder any more."""

WEIGHTS, CONFIG, PREPROCESSOR, LABELS, CARD = (
    "model.safetensors",
    "config.json",
    "preprocessor_config.json",
    "labels.json",
    "README.md",
)
ANSWERS = ("predictions", "codes", "actions", "samples", "pictures", "translations", "masks")
"""What a bundle gives: see ``load``."""
NEEDED = (WEIGHTS, CONFIG, PREPROCESSOR, LABELS)
"""What a model is read from; the card is for people, who may edit it."""


def save_bundle(
    folder: str | Path,
    *,
    model: nn.Module,
    architecture: Mapping[str, Any],
    preprocessor: Preprocessor,
    target: Target,
    task: str,
    temperature: float,
    card: Mapping[str, Any],
    answers: str = "predictions",
    decision: Mapping[str, float] | None = None,
    force: bool = False,
) -> Path:
    """Write a bundle, whole or not at all, and return its folder.

    architecture: {"name": a file of ``tilth.models`` or your own class or function, "arguments":
        plain values}; a registry one is checked to describe the model
    task: a file of ``tilth.tasks``; temperature: what logits are divided by, 1.0 for numbers
    card: what the model card is filled from, see ``model_card.render``
    answers: what it gives, one of ANSWERS
    decision: what was chosen after training for the task to decide by, such as a threshold
    force: replace a bundle that is there already (never anything that is not a bundle)

    Raises UserError for what could not be read back, for weights that are not finite, and where
    something is in the way.

    >>> import tempfile
    >>> from tilth.data.image_preprocessor import ImagePreprocessor
    >>> arguments = {"channels": 1, "size": 4, "outputs": 2}
    >>> folder = save_bundle(
    ...     Path(tempfile.mkdtemp(), "model"),
    ...     model=registry.build("tilth.models", "mlp", arguments),
    ...     architecture={"name": "mlp", "arguments": arguments},
    ...     preprocessor=ImagePreprocessor(4, 4, 1, mean=(0.0,), std=(1.0,)),
    ...     target=Target("kind", "classes", ("cat", "dog")),
    ...     task="classify",
    ...     temperature=1.0,
    ...     card={"name": "pets"},
    ... )
    >>> sorted(path.name for path in folder.iterdir())[:3]
    ['README.md', 'config.json', 'labels.json']
    """
    folder = Path(folder)
    contents = _contents(model, architecture, preprocessor, target, task, temperature)
    contents[CONFIG]["answers"] = choose(answers, ANSWERS, "kind of answers")
    if decision:
        contents[CONFIG]["decision"] = dict(decision)
    # the template language is only needed here, not where bundles are opened
    from tilth.ship.model_card import render

    config = contents[CONFIG]
    about = {"parameters": sum(value.numel() for value in plain_model(model).parameters())}
    collate = contents[PREPROCESSOR].get("collate")
    card_text = render(card, config=config, target=target, about=about, collate=collate)
    check_place(folder, force)

    def write(aside: Path) -> None:
        files.write_bytes(aside / WEIGHTS, weights)
        for name, content in contents.items():
            files.write_bytes(aside / name, files.json_bytes(content))
        files.write_bytes(aside / CARD, card_text.encode())

    weights = weight_bytes(model)
    commit_bundle(folder, write, force=force)
    return folder


def _contents(
    model: nn.Module,
    architecture: Mapping[str, Any],
    preprocessor: Preprocessor,
    target: Target,
    task: str,
    temperature: float,
) -> dict[str, Any]:
    """Return file name -> JSON value, checked to be what ``open_bundle`` accepts."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise UserError(f"temperature={temperature}", rule="it is a number above 0")
    shipped = architectures.to_ship(architecture["name"], architecture["arguments"])
    architectures.check_fits(shipped, plain_model(model))
    described = target.to_config()
    labels, values = described.pop("labels"), described.pop("values")
    contents = {
        CONFIG: {
            "format_version": FORMAT_VERSION,
            "tilth_version": _version(),
            "architecture": shipped,
            "task": choose(task, registry.names("tilth.tasks"), "task"),
            "target": described,
            "temperature": float(temperature),
            **({"mask_values": list(values)} if values else {}),
        },
        PREPROCESSOR: preprocessors.to_ship(preprocessor),
        LABELS: list(labels),
    }
    for name, content in contents.items():
        try:
            files.json_bytes(content)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{name} cannot be written ({error})",
                rule="architecture and preprocessor are described by plain, finite values",
                fix="give numbers, text, lists and dicts as arguments of the model",
            ) from error
    return contents


def check_place(folder: Path, force: bool) -> None:
    """Refuse early, and never let ``force`` delete something that is not a bundle."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    is_bundle = all((folder / name).is_file() for name in (*NEEDED, files.MANIFEST))
    if is_bundle and force:
        return
    raise UserError(
        f"{folder} holds a bundle already" if is_bundle else f"{folder} exists and is not a bundle",
        rule="nothing is overwritten unasked" if is_bundle else "a bundle gets its own folder",
        fix="choose another folder, or replace it (force=True, --force)"
        if is_bundle
        else "choose another folder",
    )


def _version() -> str:
    try:
        return version("tilth")
    except PackageNotFoundError:
        return "not installed"
