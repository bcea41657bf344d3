"""Which device to train on: probed with a real operation, so that a broken one is not chosen."""

from __future__ import annotations

import torch

from tilth.errors import UserError, choose

AUTO, KINDS = "auto", ("cpu", "cuda", "mps")


def works(name: str) -> str | None:
    """Return None if a small matrix product and its gradient work on the device, else why not."""
    if name == "mps" and not torch.backends.mps.is_available():
        return "there is none on this machine"  # torch's own words for it fill a screen
    try:
        weight = torch.ones(8, 8, device=name, requires_grad=True)
        (gradient,) = torch.autograd.grad((weight @ weight).sum(), weight)
        right = float(gradient.sum()) == 1024.0
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return str(error).splitlines()[0].partition(". ")[0]
    return None if right else "a matrix product gave a wrong gradient"


def choose_device(name: str = AUTO) -> tuple[torch.device, str]:
    """Return the device to use and why.

    name: "auto" tries cuda, then mps, then the cpu; a named device must work
    Raises UserError for an unknown or broken device.
    """
    if name != AUTO:
        kind = name.partition(":")[0]
        choose(kind, (AUTO, *KINDS), "device")
        trouble = works(name)
        if trouble:
            raise UserError(f"device={name!r}: {trouble}", fix="use --device cpu")
        return torch.device(name), "as asked"
    reasons = []
    for kind, there in (
        ("cuda", torch.cuda.is_available()),
        ("mps", torch.backends.mps.is_available()),
    ):
        if there:
            trouble = works(kind)
            if trouble is None:
                return torch.device(kind), "found, and a test operation worked"
            reasons.append(f"{kind} was found but does not work: {trouble}")
    return torch.device("cpu"), "; ".join(reasons) or "no other device was found"
