"""How a trained model is asked: on the command line, or from Python where it needs own code."""

from __future__ import annotations

import json
import shlex

from tilth import registry

READ_FROM_FILES = ("images", "table")
"""The kinds of data that a command line can name."""
_WHY = {
    "predictions": "Answers for new data:",
    "masks": "New pictures, and a folder for their masks:",
    "codes": "The numbers that stand for new rows:",
    "actions": "Let it act:",
    "pictures": "New pictures, and a folder for what is made of them:",
    "translations": "New pictures in the looks of the other set:",
    "samples": "New ones, made up:",
}


def why(answers: str, target: str) -> str:
    """Return what the line of ``usage`` is for; target: the kind of it.

    >>> why("predictions", "labels"), why("predictions", "number")
    ('Answers for new data, with chances:', 'Answers for new data:')
    """
    if answers == "predictions" and target in ("classes", "labels"):
        return "Answers for new data, with chances:"
    return _WHY[answers]


def usage(
    folder: str,
    *,
    model: str | None,
    kind: str,
    collate: str | None = None,
    files: str = "NEW_DATA",
    answers: str = "predictions",
) -> str:
    """Return the line that asks the model in ``folder``, a bundle or a run.

    model: name of its architecture, None where nobody knows; kind: of the data it learned from
    collate: name of the user's own, if there is one; files: new items on a command line
    answers: what it gives

    >>> usage("runs/a/model", model="tabular_mlp", kind="table")
    'tilth predict runs/a/model NEW_DATA'
    >>> usage("runs/a", model="mlp_gan", kind="table", answers="samples")
    'tilth sample runs/a --count 64 -o samples'
    >>> usage("runs/a", model="unet", kind="images", answers="masks")
    'tilth predict runs/a NEW_DATA --out answers'
    >>> usage("runs/a/model", model="Net", kind="own", collate="pad")
    'tl.load("runs/a/model", plugins=[Net(...), pad]).predict([ITEM, ...])'
    """
    own = own_code(model, collate)
    if kind == "world":
        asked = f"{loading(folder, own)}.act(SEEN)"
        return asked if own else f"tilth play {shlex.quote(folder)}"
    if answers == "samples":
        asked = f"{loading(folder, own)}.sample(64)"
        return asked if own else f"tilth sample {shlex.quote(folder)} --count 64 -o samples"
    if answers == "codes":
        return f"{loading(folder, own)}.encode([ITEM, ...])"
    if answers in ("masks", "pictures"):
        line = f"tilth predict {shlex.quote(folder)} {files} --out answers"
        return f"{loading(folder, own)}.apply([PICTURE, ...])" if own else line
    if answers == "translations":
        return f'{loading(folder, own)}.translate([PICTURE, ...], to="target")'
    if not own and kind in READ_FROM_FILES:
        return f"tilth predict {shlex.quote(folder)} {files}"
    items = {"images": "[PICTURE, ...]", "table": "FRAME"}.get(kind, "[ITEM, ...]")
    return f"{loading(folder, own)}.predict({items})"


def own_code(model: str | None, collate: str | None = None) -> list[str]:
    """Return what a bundle cannot bring along, as it stands in ``plugins=[...]``.

    >>> own_code("mlp"), own_code("Net")
    ([], ['Net(...)'])
    """
    net = [] if model is None or model in registry.names("tilth.models") else [f"{model}(...)"]
    return net + ([collate] if collate else [])


def loading(folder: str, own: list[str]) -> str:
    """Return the Python call that opens the model.

    >>> loading("runs/a", ["Net(...)"])
    'tl.load("runs/a", plugins=[Net(...)])'
    """
    plugins = f", plugins=[{', '.join(own)}]" if own else ""
    return f"tl.load({json.dumps(folder, ensure_ascii=False)}{plugins})"
