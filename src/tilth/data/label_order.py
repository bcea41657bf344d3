"""The order of a target's labels, which class ids follow."""

from __future__ import annotations

from collections.abc import Sequence


def sorted_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the different labels in order: by value where all are whole numbers.

    >>> sorted_labels(["10", "9", "9"]), sorted_labels(["b", "a10", "a9"])
    (('9', '10'), ('a10', 'a9', 'b'))
    """
    different = set(labels)
    if all(label.removeprefix("-").isdecimal() for label in different):
        return tuple(sorted(different, key=lambda label: (int(label), label)))
    return tuple(sorted(different))
