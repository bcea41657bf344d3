import dataclasses
import re

import pytest
import yaml
from huggingface_hub import ModelCard

from tests.ship.made import ANIMALS, PRICE
from tilth.errors import UserError
from tilth.ship.model_card import markdown_text, render

CONFIG = {
    "architecture": {"name": "two_conv", "arguments": {"channels": 3, "size": 16}},
    "task": "classify",
    "temperature": 2.0,
}


def interval(value, low, high):
    return {"value": value, "low": low, "high": high, "method": "wilson"}


AUDIT = {
    "data": {"name": "Farm Animals", "kind": "images"},
    "main_metric": "accuracy",
    "headline": "On 400 test pictures that it never learned from, the net is right in 91.00 %.",
    "test_count": 400,
    "test": {
        "log_loss": interval(0.31, 0.25, 0.4),
        "accuracy": interval(0.91, 0.878, 0.934),
        "auc": interval(None, None, None),
    },
    "baselines": [
        {
            "what": "always the commonest class of train",
            "metrics": {"accuracy": interval(0.4, 0.353, 0.449)},
            "difference": {"verdict": "better"},
        },
        {"what": "trees", "metrics": {}, "difference": {"verdict": "not known"}},
    ],
    "splits": {"train": {"rows": 1400}, "test": {"rows": 400}},
    "notes": ["each folder is a class"],
    "bad_items": {"count": 3},
    "findings": [{"severity": "warning", "what": "2 duplicates", "fix": "remove them"}],
    "not_checked": ["Groups: whether it serves some worse."],
    "training": {"seconds": 12.3456789, "stopped": "planned end", "lr_finder": {"rates": [1]}},
}


def rendered(card, target=ANIMALS, **changes):
    return render(card, config={**CONFIG, **changes}, target=target, about={"parameters": 2747})


def sections(text):
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_hub_reads_its_head():
    text = rendered({"audit": AUDIT, "licence": "Apache-2.0", "name": "farm"})
    data = ModelCard(text).data
    assert (data.library_name, data.license) == ("tilth", "apache-2.0")
    assert data.pipeline_tag == "image-classification"
    assert data.model_name == "farm"
    found = {one.metric_type: one.metric_value for one in data.eval_results}
    assert found == {"accuracy": 0.91, "log_loss": 0.31}
    assert {one.dataset_name for one in data.eval_results} == {"Farm Animals"}
    assert {one.dataset_type for one in data.eval_results} == {"farm-animals"}


def test_scores_stand_with_their_intervals_beside_the_baselines():
    found = sections(rendered({"audit": AUDIT}))["How good it is"]
    assert "400 test rows" in found
    assert "| Accuracy | 91.00 % | 87.80 % to 93.40 % |" in found
    assert found.index("Accuracy") < found.index("Log loss")  # the main metric first
    assert "| AUC | not defined | not known |" in found
    assert (
        "| always the commonest class of train | 40.00 % | 35.30 % to 44.90 % | better |" in found
    )
    assert "trees" not in found


def test_the_data_the_limits_and_the_training_are_told():
    found = sections(rendered({"audit": AUDIT, "environment": {"versions": {"torch": "2.15"}}}))
    learned = found["What it learned from"]
    assert "| train | 1400 | learning |" in learned
    assert "- each folder is a class" in learned
    assert "3 items could not be read" in learned
    assert "- warning: 2 duplicates (remove them)" in learned
    assert "- Groups: whether it serves some worse." in found["Limits"]
    details = found["Details"]
    assert "| seconds | 12.3457 |" in details
    assert "| torch | 2.15 |" in details
    assert "| architecture: size | 16 |" in details
    assert "| parameters | 2747 |" in details
    assert "lr finder" not in details
    found = sections(rendered({"training": {"seed": 0, "mps": False, "note": "", "none": None}}))
    assert "| seed | 0 |" in found["Details"]
    assert not {"mps", "note", "none"} & set(re.findall(r"^\| (\w+) ", found["Details"], re.M))


def test_what_nobody_said_stands_there_as_not_said():
    found = sections(rendered({}))
    assert "Not measured" in found["How good it is"]
    assert "Not recorded" in found["What it learned from"]
    assert "Nothing about its limits" in found["Limits"]
    assert "Not filled in" in found["Ethics"]
    assert "Not filled in" in found["Intended use"]
    told = sections(rendered({"ethics": "Asked.", "intended_use": "Farms."}))
    assert told["Ethics"].strip() == "Asked."
    assert told["Intended use"].strip() == "Farms."


def test_many_labels_are_cut_and_counted():
    target = type(ANIMALS)("word", "classes", labels=tuple(f"w{i}" for i in range(50)))
    text = rendered({}, target=target)
    assert "w19 and 30 more" in text
    assert "w20" not in text


def test_a_model_of_numbers_says_so():
    audit = {**AUDIT, "data": {"name": "houses", "kind": "table"}}
    text = rendered({"audit": audit}, target=PRICE, task="regress", temperature=1.0)
    assert ModelCard(text).data.pipeline_tag == "tabular-regression"
    assert "It answers with a number: price." in text
    assert 'predict("rows.csv")' in text


KINDS = [
    (
        "classes",
        "predictions",
        "predict",
        "tells 3 kinds of animal apart by a picture.",
        "one of 3",
    ),
    (
        "labels",
        "predictions",
        "predict",
        "tells which of 3 kinds of animal are there by a picture.",
        "those of 3 labels that are there and a probability for each (calibrated)",
    ),
    (
        "points",
        "predictions",
        "predict",
        "finds 3 points in a picture.",
        "the places of 3 points, in pixels of the picture",
    ),
    (
        "mask",
        "masks",
        "apply",
        "tells 3 kinds of animal apart by a picture, pixel by pixel.",
        "a mask of the picture's own size: for every pixel one of 3 labels",
    ),
]


@pytest.mark.parametrize(("kind", "answers", "way", "what", "says"), KINDS)
def test_what_it_tells_and_how_it_is_asked_are_of_its_kind(kind, answers, way, what, says):
    target = dataclasses.replace(ANIMALS, kind=kind)
    text = rendered({"audit": AUDIT}, target=target, answers=answers)
    assert f"A model that {what}" in text
    told = sections(text)["How to use it"]
    assert f' = model.{way}("picture.jpg")' in told
    assert f"It answers with {says}" in told and ":\ncat, dog, hen." in told


def test_an_unknown_field_is_refused():
    with pytest.raises(UserError, match="did you mean 'licence'"):
        rendered({"license": "mit"})


EVIL = 'a"\n---\nlicense: mit\n| b | <script>x</script> `rm` [c](d) {{ 7 * 7 }} \u2028\x00'


def test_names_cannot_break_out_of_their_place():
    audit = {**AUDIT, "data": {"name": EVIL, "kind": "images"}, "notes": [EVIL]}
    target = type(ANIMALS)(EVIL, "classes", labels=(EVIL, "b"))
    card = {"audit": audit, "ethics": EVIL, "description": EVIL, "folder": EVIL}
    text = rendered(card, target=target)
    head = yaml.safe_load(text.split("---\n")[1])
    assert set(head) == {"library_name", "tags", "pipeline_tag", "model-index"}
    prose = re.sub(r"```.*?```", "", text.split("---\n", 2)[2], flags=re.DOTALL)
    assert "script" in prose
    assert not re.search(r"(?<!\\)[<`\[]", prose)
    assert text.count("```") == 2
    assert "49" not in text
    assert "\n---\nlicense" not in text
    assert list(sections(text)) == list(sections(rendered({"audit": AUDIT})))


def test_markdown_says_just_what_it_is_given():
    assert markdown_text("two_conv") == "two\\_conv"
    assert markdown_text("a\nb\tc") == "a b c"
    assert markdown_text(3) == "3"
