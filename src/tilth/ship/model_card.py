"""The model card: what a stranger must know before using a model, filled from the audit.

The sections follow Mitchell et al. 2019, "Model Cards for Model Reporting" (table 1); the head is
the YAML of the Hugging Face hub, with the scores as its ``model-index``. What nobody has said
stands there as not said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from tilth import registry
from tilth.audit import words
from tilth.audit.usage import loading, own_code
from tilth.data.dataset import USES, Target
from tilth.errors import choose
from tilth.wording import counted

FIELDS = (
    "name",
    "folder",
    "audit",
    "training",
    "environment",
    "licence",
    "description",
    "intended_use",
    "ethics",
)
"""What a card may be filled from; every one may be left out."""

_MOST_LABELS = 20
_MOST_FINDINGS = 20
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def render(
    card: Mapping[str, Any],
    *,
    config: Mapping[str, Any],
    target: Target,
    about: Mapping[str, Any],
    collate: str | None = None,
) -> str:
    """Return README.md.

    card: any of ``FIELDS``: name; folder (where people will load it from); audit (what
        ``audit.examine`` gave); training and environment (plain values to list); licence (an
        SPDX name), description, intended_use, ethics (text)
    config: of the bundle; about: more plain values to list
    collate: name of the user's own, if there is one

    Raises UserError for another field.
    """
    for name in card:
        choose(name, FIELDS, "field of the model card")
    audit: Mapping[str, Any] = card.get("audit") or {}
    kind = str(audit.get("data", {}).get("kind", ""))
    name = str(card.get("name") or audit.get("data", {}).get("name") or "model")
    facts = {
        "head": _head(name, kind, card, audit, config),
        "name": name,
        "loading": loading(
            re.sub(r'["\\`]', "", _line(card.get("folder") or "path/to/this/folder")),
            own_code(config["architecture"]["name"], collate),
        ),
        "kind": kind,
        "what": _what(target, kind, config.get("answers", "predictions"), audit),
        "answers": config.get("answers", "predictions"),
        "description": card.get("description"),
        "headline": audit.get("headline", ""),
        "labels": list(target.labels),
        "most_labels": _MOST_LABELS,
        "says": _says(target, config),
        "target": target.name,
        "audit": audit,
        "main_title": words.title(str(audit.get("main_metric", ""))),
        "scores": _scores(audit),
        "baselines": _baselines(audit),
        "splits": _splits(audit),
        "notes": audit.get("notes", []),
        "bad_items": audit.get("bad_items", {}).get("count", 0),
        "findings": audit.get("findings", [])[:_MOST_FINDINGS],
        "not_checked": audit.get("not_checked", []),
        "intended_use": card.get("intended_use"),
        "ethics": card.get("ethics"),
        "details": _details(card, config, about),
    }
    template = Path(__file__).with_name("model_card.md.jinja").read_text(encoding="utf-8")
    # not HTML, so no HTML escaping: every text passes the filter below instead
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["text"] = markdown_text
    rendered = environment.from_string(template).render(facts)
    return re.sub(r"\n{3,}", "\n\n", rendered)


def markdown_text(value: Any) -> str:
    """Return ``value`` as one line of Markdown that says just this, whatever it holds.

    >>> markdown_text("a|b <script>")
    'a\\\\|b \\\\<script\\\\>'
    """
    return _MARKDOWN.sub(r"\\\1", _line(value))


def _line(value: Any) -> str:
    """Return text without line breaks and what cannot be printed."""
    return "".join(c if c.isprintable() else " " for c in str(value)).strip()


def _what(target: Target, kind: str, answers: str, audit: Mapping[str, Any]) -> str:
    if answers == "actions":
        return f"acts in {markdown_text(audit.get('data', {}).get('name', 'its world'))}"
    if answers == "codes":
        return "keeps rows as a few numbers and gives them back"
    if answers == "pictures":
        return "gives pictures back, restored or in another style"
    if answers == "translations":
        return "gives pictures of one set the looks of another, and back"
    if answers == "samples":
        return "makes up rows like those that it learned from"
    source = {"images": "a picture", "table": "the columns of a row"}.get(kind, "its input")
    name, count = markdown_text(target.name), len(target.labels)
    if target.kind == "number":
        return f"predicts the number {name} from {source}"
    if target.kind == "points":
        return f"finds {counted(count, 'point')} in {source}"
    if target.kind == "labels":
        return f"tells which of {count} kinds of {name} are there by {source}"
    each = ", pixel by pixel" if answers == "masks" else ""
    return f"tells {count} kinds of {name} apart by {source}{each}"


def _says(target: Target, config: Mapping[str, Any]) -> str:
    """Return what stands before the list of labels: what an answer says of them."""
    count = len(target.labels)
    calibrated = " (calibrated)" if config["temperature"] != 1.0 else ""
    if config.get("answers") == "masks":
        return f"a mask of the picture's own size: for every pixel one of {count} labels"
    if target.kind == "points":
        return f"the places of {counted(count, 'point')}, in pixels of the picture"
    if target.kind == "labels":
        return f"those of {count} labels that are there and a probability for each{calibrated}"
    return f"one of {count} labels and a probability for each{calibrated}"


def _head(
    name: str,
    kind: str,
    card: Mapping[str, Any],
    audit: Mapping[str, Any],
    config: Mapping[str, Any],
) -> str:
    """Return the YAML head; JSON values are YAML, so that no text can break out of its place."""
    head: dict[str, Any] = {"library_name": "tilth", "tags": ["tilth", config["task"]]}
    pipeline = (registry.stated("tilth.tasks", config["task"], "PIPELINES") or {}).get(kind)
    if pipeline:
        head["pipeline_tag"] = pipeline
    if card.get("licence"):
        head["license"] = _line(card["licence"]).lower()
    metrics = [
        {"type": metric, "value": found["value"], "name": words.title(metric)}
        for metric, found in audit.get("test", {}).items()
        if found["value"] is not None
    ]
    if metrics:
        dataset = {"type": _slug(audit["data"]["name"]), "name": _line(audit["data"]["name"])}
        result = {
            "task": {"type": pipeline or config["task"]},
            "dataset": {**dataset, "split": "test"},
            "metrics": metrics,
        }
        head["model-index"] = [{"name": _line(name), "results": [result]}]
    return "\n".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "data"


def _scores(audit: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the table of scores, the main metric first."""
    test, main = audit.get("test", {}), audit.get("main_metric")
    ordered = sorted(test, key=lambda metric: metric != main)
    return [{"title": words.title(metric), **_measured(metric, test[metric])} for metric in ordered]


def _measured(metric: str, found: Mapping[str, Any]) -> dict[str, str]:
    return {
        "value": words.measure(metric, found["value"]),
        "interval": words.interval(metric, found) or "not known",
    }


def _baselines(audit: Mapping[str, Any]) -> list[dict[str, str]]:
    main = audit.get("main_metric")
    rows = []
    for one in audit.get("baselines", []):
        if main in one["metrics"]:
            verdict = one["difference"]["verdict"]
            measured = _measured(str(main), one["metrics"][main])
            rows.append({"what": one["what"], "verdict": verdict, **measured})
    return rows


def _splits(audit: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "rows": found["rows"], "use": USES.get(name, "")}
        for name, found in audit.get("splits", {}).items()
    ]


def _details(
    card: Mapping[str, Any], config: Mapping[str, Any], about: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return (name, value) rows: how the model is built, was trained, and on what."""
    made = config["architecture"]
    audit, environment = card.get("audit") or {}, card.get("environment") or {}
    rows: dict[str, Any] = {
        "architecture": made["name"],
        **{f"architecture: {key}": value for key, value in made["arguments"].items()},
        **about,
        "temperature": config["temperature"],
        **audit.get("training", {}),
        **(card.get("training") or {}),
        **environment.get("versions", {}),
        **environment.get("hardware", {}),
    }
    return [
        (key.replace("_", " "), f"{value:.6g}" if isinstance(value, float) else str(value))
        for key, value in rows.items()
        if not isinstance(value, Mapping) and (value or value in (0, 0.0)) and value is not False
    ]
