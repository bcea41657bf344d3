"""What labels that were read as classes may be instead, so that a message can name the task."""

from __future__ import annotations

import math
from collections.abc import Iterable

_BETWEEN = (";", "|")  # that no class is usually called by


def if_numbers(labels: Iterable[str]) -> str:
    """Return what to give where all labels are numbers; nothing where they look like classes.

    >>> if_numbers(["17", "39"]), if_numbers(["17", "old"])
    ("for numbers to predict give task='regress' (--task regress)", '')
    """
    if not all(map(_is_number, labels)):
        return ""
    return "for numbers to predict give task='regress' (--task regress)"


def if_several(labels: Iterable[str]) -> str:
    """Return what to give where labels hold several; nothing where they look like classes.

    >>> if_several(["cat", "dog"]), if_several(["cat", "cat;young"])[:50]
    ('', "for several labels of a picture give task='multila")
    """
    if not any(sign in label for label in labels for sign in _BETWEEN):
        return ""
    return (
        "for several labels of a picture give task='multilabel' (--task multilabel), for which "
        "an empty cell means none of them"
    )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
