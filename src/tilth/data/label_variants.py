"""Labels that seem to be one label, spelled in two ways."""

from __future__ import annotations

import re
from collections.abc import Mapping


def label_variants(counts: Mapping[str, int]) -> dict[str, str]:
    """Return label -> the label that it seems to be another spelling of.

    counts: training rows per label (others may have 0); of labels that differ only in case,
    spaces, or marks around and between words, the commonest is the one that stays. Labels that
    are numbers or marks alone are left alone.

    >>> label_variants({"<=50K": 10, ">50K": 3, "<=50K.": 0, ">50K.": 0})
    {'<=50K.': '<=50K', '>50K.': '>50K'}
    """
    groups: dict[str, list[str]] = {}
    for label in counts:
        groups.setdefault(_plain(label), []).append(label)
    merges: dict[str, str] = {}
    for spellings in groups.values():
        kept = max(spellings, key=lambda label: (counts[label], label))
        merges |= {label: kept for label in spellings if label != kept}
    return merges


def told_variants(variants: Mapping[str, str]) -> str:
    """Return what ``label_variants`` found, in words.

    >>> told_variants({"Cat": "cat"})
    "labels that look like one label spelled in two ways: 'Cat' as 'cat'"
    """
    listed = ", ".join(f"{label!r} as {kept!r}" for label, kept in variants.items())
    return f"labels that look like one label spelled in two ways: {listed}"


def _plain(label: str) -> str:
    words = label.strip(" \t.,;:!'\"_").casefold()
    if not words or re.fullmatch(r"[+-]?[\d.,]+", label):
        return label
    return re.sub(r"(?<=\w)[\s_\-]+(?=\w)", " ", words)
