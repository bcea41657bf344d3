import json
import shlex

import pytest

from tests.cli.calling import call


def test_find_lr_writes_nothing_but_the_plot(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("find-lr", table, "--target", "price", "--plot", "curve.png", "--json")
    assert code == 0
    assert 0 < json.loads(out)["suggestion"] < 1
    assert [path.name for path in tmp_path.iterdir()] == ["curve.png"]


def test_the_next_command_repeats_what_was_asked(table, tmp_path):
    """Without the target, and with a path that is cut at its space, it would not run."""
    spaced = tmp_path / "my houses.csv"
    spaced.write_bytes(table.read_bytes())
    given = [
        "--target",
        "price",
        "--no-compile",
        "--set",
        "train.clip=0.5",
        "--set",
        "train.seed=3",
    ]
    code, out, _ = call("find-lr", spaced, *given)
    words = shlex.split(out.splitlines()[-1].removeprefix("Next: "))
    assert code == 0
    assert words[:3] == ["tilth", "train", str(spaced)]
    assert sorted(words[3:-2]) == sorted(given)
    assert words[-2] == "--lr" and 0 < float(words[-1]) < 1


@pytest.mark.parametrize(
    ("plot", "told"), [("no/such/x.png", "there is no folder"), ("x.what", "Choices: ")]
)
def test_a_picture_that_cannot_be_written_is_told_first(plot, told, table, tmp_path, monkeypatch):
    from tilth.flow.learner import Learner

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Learner, "find_lr", None)  # the test itself is not begun
    code, out, err = call("find-lr", table, "--target", "price", "--plot", plot)
    assert (code, out) == (2, "")
    assert told in err
