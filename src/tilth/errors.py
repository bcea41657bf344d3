"""Errors people can read: what was found, the rule, the choices, the likely fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tilth.wording import sentence

SAID_ELSEWHERE = {
    "learning_rate": "lr", "max_lr": "lr", "n_epoch": "epochs", "num_epochs": "epochs",
    "max_epochs": "epochs", "bs": "batch_size", "wd": "weight_decay", "callbacks": "hooks",
    "cbs": "hooks", "loss_func": "loss", "loss_fn": "loss", "opt_func": "optimizer",
    "accumulate_grad_batches": "micro_batches", "validation_split": "fractions", "gpu": "cuda",
    "pretrained": "weights",
}  # fmt: skip
"""What fastai, Keras and Lightning call things, by what they are called here."""


class TilthError(Exception):
    """Something went wrong that is not the user's input (exit code 1).

    The message is built from four parts so that every error answers the same questions.

    >>> str(TilthError("the disk is full", fix="free some space and resume"))
    'the disk is full. Fix: free some space and resume.'
    """

    exit_code = 1

    def __init__(
        self, found: str, *, rule: str = "", choices: Iterable[object] = (), fix: str = ""
    ) -> None:
        self.found, self.rule, self.fix = found, rule, fix
        self.choices = [str(choice) for choice in choices]
        listed = f"Choices: {', '.join(self.choices)}" if self.choices else ""
        parts = [f"{found}; {rule}" if rule else found, listed, f"Fix: {fix}" if fix else ""]
        between = "\n" if "\n" in found else " "  # what follows a list begins a line
        super().__init__(between.join(sentence(part) for part in parts if part))


class UserError(TilthError):
    """The input cannot be used as given (exit code 2).

    >>> str(UserError("epochs=0", rule="epochs must be at least 1"))
    'epochs=0; epochs must be at least 1.'
    """

    exit_code = 2


class NonFiniteLoss(TilthError):
    """The loss or gradient became infinite or not a number at ``step``.

    ``rows`` are the row ids of the batch (None where the source cannot name them).
    """

    def __init__(self, found: str, *, step: int, rows: list[int] | None, fix: str) -> None:
        super().__init__(found, fix=fix)
        self.step, self.rows = step, rows


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its class where it says nothing.

    >>> first_line(ValueError("one\\ntwo")), first_line(ValueError())
    ('one', 'ValueError')
    """
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice most like ``name`` (whatever the case), or None where nothing is close.

    What other libraries call one of the choices is understood.

    >>> nearest("accurcy", ["accuracy", "loss"]), nearest("y", ["age", "Y"])
    ('accuracy', 'Y')
    >>> nearest("max_epochs", ["epochs", "lr"])
    'epochs'
    """
    plain = {choice.casefold(): choice for choice in choices}
    here = SAID_ELSEWHERE.get(name.casefold(), "")
    if here in plain:
        return plain[here]
    found = difflib.get_close_matches(name.casefold(), list(plain), n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def choose(name: str, choices: Iterable[str], what: str) -> str:
    """Return ``name`` if it is one of ``choices``.

    Raises UserError that echoes the name, lists the choices and proposes the nearest.

    >>> choose("accuracy", ["accuracy", "loss"], "metric")
    'accuracy'
    """
    options = sorted(choices)
    if name in options:
        return name
    guess = nearest(name, options)
    fix = f"did you mean {guess!r}?" if guess else "use one of those listed"
    raise UserError(f"unknown {what} {name!r}", choices=options, fix=fix)
