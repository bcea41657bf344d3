"""What the report shows of the inside of a net that predicts from pictures."""

from __future__ import annotations

from tilth.audit import robustness
from tilth.audit.heat_strips import heat_strips
from tilth.audit.judged import Section
from tilth.audit.layers import embedding_map, first_filters, layer_statistics
from tilth.audit.robustness import TITLE
from tilth.audit.seen_pictures import seen
from tilth.tasks._predicting import Predicting
from tilth.tasks._setup import Setup
from tilth.train.evaluate import Outputs

ATTACKED = (
    "Robustness: noise, blur, other light, other cameras, changes larger or other than those of "
    f'"{TITLE}", and attacks made for this net.'
)
LOOKED = (
    'Reasons: "Where it looks" shows a few pictures; whether what its answers rest on would still '
    "hold tomorrow, nobody asked."
)


def inside(
    task: Predicting, setup: Setup, test: Outputs, temperature: float, *, seed: int
) -> list[Section]:
    """Return the sections that apply, from none (no pictures) to five.

    test: outputs of test rows; temperature: as fitted, which orders the errors
    """
    known = test.targets >= 0 if not test.targets.is_floating_point() else test.targets.isfinite()
    test = Outputs(test.rows[known], test.outputs[known], test.targets[known])
    looked = seen(task, setup, test.rows.numpy())
    if looked is None:
        return []
    found = (
        heat_strips(looked, test, temperature),
        robustness.robustness(looked, seed=seed),
        embedding_map(looked),
        first_filters(looked),
        layer_statistics(looked),
    )
    return [section for section in found if section is not None]


def still_unchecked(not_checked: list[str], sections: list[Section]) -> list[str]:
    """Return what was not looked at, now that these sections were made.

    >>> still_unchecked(["Robustness: all of it.", "Luck: seeds."], [Section(TITLE)])[0][:36]
    'Robustness: noise, blur, other light'
    """
    titles = {section.title for section in sections}
    instead = {}
    if TITLE in titles:
        instead["Robustness"] = ATTACKED
    if "Where it looks" in titles:
        instead["Reasons"] = LOOKED
    return [instead.get(line.split(":", 1)[0], line) for line in not_checked]
