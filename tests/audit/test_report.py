"""The report: it shows what the audit holds, runs nothing, loads nothing, survives anything."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from tests.audit.stand_ins import (
    Pictures,
    class_rows,
    nearest_centre,
    number_rows,
    outputs_of,
    training,
    write_run,
)
from tilth.audit import report
from tilth.audit.examine import examine
from tilth.audit.plots import contest
from tilth.audit.report import render
from tilth.data.dataset import BadItem, Finding
from tilth.errors import UserError
from tilth.tasks.classify import classify
from tilth.tasks.regress import regress

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</style><script>alert(1)</script>",
    "</svg><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "$\\frac{1}{$ & \x00 \x1b",
    "javascript:alert(1)",
)


class Page(HTMLParser):
    """Collects what a browser would act on, and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page_of(folder: Path) -> Page:
    path = render(folder)
    assert path == folder / "report.html"
    return Page(path.read_text(encoding="utf-8"))


def harmless(page: Page) -> None:
    """Assert that the page holds nothing that runs, and nothing that is fetched."""
    active = {"script", "iframe", "object", "embed", "link", "form", "base", "foreignobject"}
    for tag, attributes in page.tags:
        assert tag not in active, tag
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href", "xlink:href", "action", "data"}:
                assert str(value).startswith(("#", "data:image/png;base64,")), (tag, value)
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def picture_run(folder: Path, labels=("ape", "bee", "cow"), *, noise: float = 3.0, **options):
    data = class_rows(300, labels, kind=Pictures, noise=noise)
    for name, value in options.items():
        setattr(data, name, value)
    task = classify(target=data.target)
    found = examine(data, task, outputs_of(data, nearest_centre(data)))
    return write_run(folder, {**found, "training": training()}, data), found


def test_a_whole_report_on_pictures(tmp_path):
    folder, found = picture_run(tmp_path / "run")
    page = page_of(folder)
    harmless(page)
    assert found["headline"] in page.text
    for said in (
        "Rows of each class",
        "Confusion matrix on test",
        "Learning rate by epoch",
        "Learning-rate finder",
        "Accuracy by epoch",
        "weights kept",
        "Worst errors",
        "calibration error",
        "logistic regression",
        "1,234,567",
        "4,321",
        "tilth predict",
        "Groups:",
        "2.15.0",
        "at least twenty steps in an epoch",
        "Answers for new data, with chances:",
    ):
        assert said in page.text, said
    pictures = [a for tag, a in page.tags if tag == "img"]
    assert len(pictures) == len(found["worst"]) + len(found["least_certain"])
    assert "Not shown here" not in page.text


def test_a_whole_report_on_numbers(tmp_path):
    data = number_rows(300)
    task = regress(target=data.target)
    found = examine(data, task, outputs_of(data, lambda rows: data.features[rows, 0]))
    page = page_of(write_run(tmp_path / "run", found, data))
    harmless(page)
    for said in (
        "Predicted against true",
        "Errors by prediction",
        "90 % interval",
        "use the simple",
        "Half of the",
        "Answers for new data:",
    ):
        assert said in page.text, said
    assert "Confusion matrix" not in page.text and "AUC" not in page.text


def test_signs_names_and_counts_are_those_of_a_person(tmp_path):
    """No typewriter signs, no hashes of rows, no folder of the program, no "1 rows"."""
    data = number_rows(300)
    task = regress(target=data.target)
    found = examine(data, task, outputs_of(data, lambda rows: data.features[rows, 0]))
    found["worst"][0]["item"] = "line 465 4a5fa43861c2d7fc"
    found["worst"][0]["row"]["day"] = "2012-10-03T00:00:00"
    found["regression"]["residuals"]["outside"] = 1
    folder = write_run(tmp_path / "run", found, data)
    environment = json.loads((folder / "env.json").read_text())
    environment["command"] = ["/some/where/bin/tilth", "train", "my houses.csv"]
    (folder / "env.json").write_text(json.dumps(environment))
    text = page_of(folder).text
    assert "+-" not in text and "\u00b1" in text
    assert "line 465" in text and "4a5fa43861c2d7fc" not in text
    assert "2012-10-03" in text and "T00:00:00" not in text
    assert "tilth train 'my houses.csv'" in text and "some/where" not in text
    assert "1 row is farther off" in text
    assert not re.search(r"(?<![\d.,])1 (rows|classes|pictures|times)\b", text)


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict", "said"),
    [
        (0.02, 0.01, 0.03, "better", "Net is better by 2.00"),
        (-0.02, -0.03, -0.01, "worse", "Net is worse by 2.00"),
        (0.02, 0.0, 0.04, "no clear difference", "Net is ahead by 2.00 points, too close to call"),
    ],
)
@pytest.mark.usefixtures("unplotted")
def test_the_card_of_the_difference_agrees_with_the_verdict(
    tmp_path, value, low, high, verdict, said
):
    folder, found = picture_run(tmp_path / "run")
    found["baselines"] = found["baselines"][:1]
    found["baselines"][0]["difference"] |= {
        "value": value,
        "low": low,
        "high": high,
        "verdict": verdict,
    }
    (folder / "audit.json").write_text(json.dumps({**found, "training": training()}))
    assert said in page_of(folder).text


@pytest.mark.usefixtures("unplotted")
def test_without_a_temperature_nothing_is_called_before_and_after(tmp_path):
    folder, found = picture_run(tmp_path / "run")
    found["temperature"]["value"] = 1.0
    (folder / "audit.json").write_text(json.dumps({**found, "training": training()}))
    assert "After temperature" not in page_of(folder).text


def test_two_classes_of_a_table_get_thresholds(tmp_path):
    data = class_rows(300, ("no", "yes"), noise=2.0)
    found = examine(data, classify(target=data.target), outputs_of(data, nearest_centre(data)))
    page = page_of(write_run(tmp_path / "run", found, data))
    assert "ROC curve on test" in page.text and 'Choosing a threshold for "yes"' in page.text
    assert "column 15" in page.text


def test_nothing_from_outside_becomes_markup(tmp_path):
    """Labels, file names, findings, notes, settings: each is shown as it is."""
    folder, _ = picture_run(
        tmp_path / "run",
        ATTACKS,
        noise=5.0,
        names=lambda row: f"{ATTACKS[row % len(ATTACKS)]} {row}",
        name=" ".join(ATTACKS),
        notes=list(ATTACKS),
        found=[Finding(text, "warning", text, text, (text,)) for text in ATTACKS],
        bad_items=[BadItem(text, text) for text in ATTACKS],
    )
    audit = json.loads((folder / "audit.json").read_text())
    audit["training"]["model"]["name"] = " ".join(ATTACKS)
    audit["training"]["lr_finder"]["reason"] = " ".join(ATTACKS)
    (folder / "audit.json").write_text(json.dumps(audit))
    page = page_of(folder)
    harmless(page)
    for text in ATTACKS:
        assert page.text.count(re.sub(r"\s+", " ", text)) > 10, text


@pytest.fixture
def unplotted(monkeypatch):
    """Leave the plots out, where a test is about the words around them."""
    names = ("contest", "rate", "finder", "counts", "confusion", "reliability", "roc", "against")
    blank = {**dict.fromkeys((*names, "residuals", "errors")), "curves": []}
    monkeypatch.setattr(report, "_plots", lambda run: blank)


@pytest.mark.usefixtures("unplotted")
def test_cells_of_a_table_are_escaped(tmp_path):
    data = class_rows(200, noise=3.0)
    data.show_item = lambda row: {"row": {ATTACKS[0]: ATTACKS[1]}}  # type: ignore[method-assign]
    found = examine(data, classify(target=data.target), outputs_of(data, nearest_centre(data)))
    page = page_of(write_run(tmp_path / "run", found))
    harmless(page)
    assert ATTACKS[1] in page.text and ATTACKS[0] in page.text


@pytest.mark.usefixtures("unplotted")
@pytest.mark.parametrize("name", ["config.toml", "env.json", "metrics.jsonl", "data.json", "DONE"])
@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_missing_part_is_said_and_the_rest_is_shown(tmp_path, name, damage):
    folder, found = picture_run(tmp_path / "run")
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"\xff{ torn")
    page = page_of(folder)
    assert f"Not shown here: {name}" in page.text
    assert found["headline"] in page.text


def test_the_audit_alone_is_enough(tmp_path):
    folder, found = picture_run(tmp_path / "run")
    for path in folder.iterdir():
        if path.name != "audit.json":
            path.unlink()
    audit = json.loads((folder / "audit.json").read_text())
    del audit["training"]
    (folder / "audit.json").write_text(json.dumps(audit))
    page = page_of(folder)
    harmless(page)
    assert found["headline"] in page.text and "No curve can be shown" in page.text


def test_without_an_audit_there_is_no_report(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        render(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"audit\.json is missing"):
        render(tmp_path)
    (tmp_path / "audit.json").write_text("{ torn")
    with pytest.raises(UserError, match="cannot be read"):
        render(tmp_path)
    (tmp_path / "audit.json").write_text("[]")
    with pytest.raises(UserError, match="has no audit"):
        render(tmp_path)


@pytest.mark.usefixtures("unplotted")
def test_a_torn_last_line_and_unfinite_values_of_the_records_are_borne(tmp_path):
    folder, _ = picture_run(tmp_path / "run")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(
            '{"phase": 0, "step": 220, "epoch": 11.0, "valid/accuracy": null}\n{"phase": 0, "st'
        )
    page = page_of(folder)
    assert "1 damaged line is left out" in page.text


def test_labels_no_font_knows_and_many_classes(tmp_path):
    labels = tuple(f"\u65e5\u672c\u8a9e \u0627\u0644\u0639 \U0001f98a {i}" for i in range(101))
    data = class_rows(600, labels, kind=Pictures, noise=2.0)
    scores = -data.encoded.numpy()[:, None] * np.linspace(0, 1, 101)
    found = examine(data, classify(target=data.target), outputs_of(data, lambda rows: scores[rows]))
    assert found["confusion"]["counts"] is None
    page = page_of(write_run(tmp_path / "run", found, data))
    assert "With 101 classes the matrix would not be readable" in page.text
    folder, _ = picture_run(tmp_path / "few", labels[:3])
    assert page_of(folder).text.count(labels[0]) > 2


@pytest.mark.usefixtures("unplotted")
def test_a_file_name_that_is_not_utf8_costs_nothing(tmp_path):
    data = class_rows(300, noise=3.0)
    found = examine(data, classify(target=data.target), outputs_of(data, nearest_centre(data)))
    found["worst"][0]["item"] = "scan \udcff.png"
    page = page_of(write_run(tmp_path / "run", found, data))
    assert "scan ?.png" in page.text


def test_making_it_again_gives_the_same_page_and_leaves_matplotlib_alone(tmp_path):
    before = dict(mpl.rcParams)
    folder, _ = picture_run(tmp_path / "run")
    first = render(folder).read_bytes()
    assert render(folder).read_bytes() == first
    assert dict(mpl.rcParams) == before


def test_ids_of_plots_do_not_collide(tmp_path):
    folder, _ = picture_run(tmp_path / "run")
    page = page_of(folder)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    text = (folder / "report.html").read_text()
    for target in re.findall(r'(?:url\(#|href="#)([^")]+)', text):
        assert target in ids, target


def test_layers_that_were_held_still_are_told_by_phase(tmp_path):
    folder, _ = picture_run(tmp_path / "run")
    assert "held still" not in page_of(folder).text
    config = folder / "config.toml"
    before, plan = config.read_text().split("[[phase]]")
    config.write_text(f"{before}[[phase]]\nfrozen = 3{plan}")
    assert "The first 3 layer groups were held still" in page_of(folder).text
    config.write_text(f"{before}[[phase]]\nfrozen = 1{plan}\n[[phase]]\nfrozen = 0{plan}")
    told = page_of(folder).text
    assert "In phase 1 of 2 the first layer group was held still" in told
    assert "In phase 2" not in told


def test_names_of_baselines_are_whole_beside_the_plot(tmp_path):
    _, found = picture_run(tmp_path / "run")
    what = "always where the points are on average in train"
    found["baselines"][0]["what"] = what
    lines = re.findall(r"<text[^>]*>([^<]*)</text>", contest(found))
    assert " ".join(lines).find(what) >= 0, lines
