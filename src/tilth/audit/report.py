"""report.html: one page, made from the files of a run alone, that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tilth import console, files
from tilth.audit import class_plots, history, number_plots, plots, words
from tilth.audit.run_files import RunFiles, read_run
from tilth.audit.view import view

_PARTS = ("confusion", "operating", "calibration", "least_certain", "regression", "worst")


def render(run_folder: str | Path) -> Path:
    """Write ``report.html`` into the run's folder and return its path.

    Everything but audit.json may be missing; the report then says what it could not show.
    Whatever comes from files (labels, file names, cells) is escaped, and the page forbids scripts.
    Raises UserError where there is no run or no audit.
    """
    run = read_run(Path(run_folder))
    page = _page(run)
    path = run.folder / "report.html"
    # a file name that is not UTF-8 must not cost the report
    files.write_text(path, page.encode("utf-8", "replace").decode("utf-8"))
    return path


def _page(run: RunFiles) -> str:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = resources.files("tilth.audit")
    environment = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=False,
    )
    environment.filters |= {
        "measure": lambda value, metric: words.measure(metric, value),
        "interval": lambda found, metric: words.interval(metric, found),
        "difference": lambda value, metric: words.difference(metric, value),
        "difference_interval": lambda found, metric: words.difference_interval(metric, found),
        "number": words.number,
        "fixed": lambda value: f"{value:.4f}",
        "percent": lambda value, digits=1: words.percent(value, digits).replace(" ", "\u00a0"),
        "short": words.short,
        "count": lambda value: f"{value:,}",
        "duration": console.seconds,
        "cell": words.cell,
        "item": words.item,
    }
    template = environment.get_template("report.html.jinja")
    # what one task has and another has not
    parts: dict[str, Any] = {**dict.fromkeys(_PARTS), "sections": []}
    return template.render(audit={**parts, **run.audit}, view=view(run), plots=_plots(run))


def _plots(run: RunFiles) -> dict[str, Any]:
    audit, records = run.audit, run.records
    training = audit.get("training") or {}
    drawn: dict[str, Any] = {
        "contest": plots.contest(audit),
        "curves": _curves(audit, records, training.get("best_step")),
        "rate": plots.learning_rate(run.config, records),
        "finder": plots.finder(training.get("lr_finder") or {}),
        "counts": None,
        **_result_plots(audit),
    }
    if "classes" in audit["splits"]["train"]:
        drawn["counts"] = class_plots.class_counts(audit["splits"], audit["target"]["labels"])
    # only what was drawn here is trusted as markup; matplotlib has escaped the text inside
    return {
        name: [Markup(one) for one in found] if isinstance(found, list) else _markup(found)
        for name, found in drawn.items()
    }


def _markup(svg: str | None) -> Markup | None:
    return None if svg is None else Markup(svg)


def _curves(audit: Mapping[str, Any], records: history.Records, best_step: int | None) -> list[str]:
    """Draw the loss, the main metric and the user's own, as far as they were recorded."""
    main = audit["main_metric"]
    others = [name for name in audit["metrics"] if name != main and name not in words.TITLES]
    best = history.epoch_of(records, best_step)
    drawn = [plots.loss_curves(records)]
    drawn += [plots.metric_curve(audit, records, name, best) for name in (main, *others)]
    return [svg for svg in drawn if svg is not None]


def _result_plots(audit: Mapping[str, Any]) -> dict[str, str | None]:
    drawn: dict[str, str | None] = dict.fromkeys(
        ("confusion", "reliability", "roc", "against", "residuals", "errors")
    )
    target = audit["target"]
    if audit.get("confusion") and audit["confusion"]["counts"] is not None:
        counts = audit["confusion"]["counts"]
        drawn["confusion"] = class_plots.confusion_matrix(counts, target["labels"])
    if audit.get("calibration"):
        drawn["reliability"] = class_plots.reliability(audit["calibration"])
    if audit.get("operating"):
        drawn["roc"] = class_plots.roc(audit["operating"])
    if audit.get("regression"):
        drawn["against"] = number_plots.predicted_against_true(audit["regression"], target["name"])
        drawn["residuals"] = number_plots.residual_histogram(audit["regression"], target["name"])
        drawn["errors"] = number_plots.residuals_by_prediction(audit["regression"], target["name"])
    return drawn
