import html.parser
import json

import pytest

from tilth.ship.prediction import Prediction, Predictions

SURE = Prediction("a.png", "cat", 0.75, {"cat": 0.75, "dog": 0.25})


class Balanced(html.parser.HTMLParser):
    """Collects the text and fails where a tag is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.tags = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_answer_and_json():
    assert SURE.answer == "cat"
    assert SURE.to_json() == {
        "item": "a.png",
        "prediction": "cat",
        "probability": 0.75,
        "probabilities": {"cat": 0.75, "dog": 0.25},
    }
    assert Prediction(item=2, value=1.5).answer == 1.5
    assert json.loads(json.dumps(Prediction(item=2, value=1.5).to_json())) == {
        "item": 2,
        "prediction": 1.5,
    }


def test_it_prints_short():
    assert repr(SURE) == "Prediction(item='a.png', label='cat', probability=0.75)"
    assert repr(Prediction(value=1 / 3)) == "Prediction(value=0.333333)"


def test_it_cannot_be_changed():
    with pytest.raises(AttributeError):
        SURE.label = "dog"


def test_a_notebook_shows_the_likeliest_labels():
    many = {f"label {i}": (i + 1) / 55 for i in range(10)}
    shown = Balanced(Prediction("a.png", "label 9", 10 / 55, many)._repr_html_())
    assert shown.texts[:3] == ["a.png", "label 9", "18.2 %"]
    assert "label 4" not in shown.texts
    assert "and 5 more" in shown.texts
    assert Balanced(Prediction(value=2.5)._repr_html_()).texts == ["2.5"]


def test_a_notebook_shows_a_list_as_a_table():
    shown = Balanced(Predictions([SURE] * 30)._repr_html_())
    assert shown.tags.count("tr") == 22  # head, twenty, and how many more
    assert "and 10 more" in shown.texts
    assert "75.0 %" in shown.texts
    assert "1.5" in Balanced(Predictions([Prediction(value=1.5)])._repr_html_()).texts


def test_names_cannot_smuggle_html_into_a_notebook():
    evil = "<script>alert(1)</script>"
    one = Prediction(evil, evil, 1.0, {evil: 1.0})
    assert "script" not in Balanced(one._repr_html_()).tags
    assert "script" not in Balanced(Predictions([one])._repr_html_()).tags
