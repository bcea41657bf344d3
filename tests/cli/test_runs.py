import json
import os
import shlex
import shutil
from unicodedata import east_asian_width

from tests.cli.calling import FAST, call


def on_terminal(line):
    """Return a line with as many characters as it takes columns of a terminal."""
    return "".join(one + "\0" * (east_asian_width(one) in "WF") for one in line)


def test_runs_are_listed_newest_first_in_columns_that_fit(trained, pictures, tmp_path):
    home = tmp_path / "my runs"
    for number, name in enumerate(("older", "a-name-much-longer-than-a-column-may-be-wide")):
        words = ("--model", "mlp", "--seed", str(number), *FAST, "-q")
        assert call("train", pictures, "-o", home / name, *words)[0] == 0
        os.utime(home / name / "config.toml", (number, number))
    code, out, err = call("runs", home)
    head, *lines = out.splitlines()
    assert code == 0
    typed = [shlex.split(line)[-1] for line in lines]
    assert [call("report", name)[0] for name in typed] == [0, 0]
    head, *lines = map(on_terminal, (head, *lines))
    assert [line[head.index("run") :] for line in lines] == [shlex.quote(name) for name in typed]
    assert head.index("run") <= 100
    assert len(lines) == 2
    assert "older" in lines[1] and "older" not in lines[0]
    for word, value in {"state": "done", "model": "mlp", "on valid": "accuracy "}.items():
        place = head.index(word)
        assert all(line[place:].startswith(value) for line in lines)
    newest = home / "a-name-much-longer-than-a-column-may-be-wide"
    following = err.strip().removeprefix("Next: ")
    assert shlex.split(following) == ["tilth", "compare", str(home / "older"), str(newest)]
    assert call(*shlex.split(following)[1:])[0] == 0


def test_an_unfinished_run_is_the_next_thing_to_do(tmp_path, trained):
    home = tmp_path / "runs"
    (home / "stopped").mkdir(parents=True)
    config = (trained[0] / "config.toml").read_text()
    (home / "stopped" / "config.toml").write_text(config)
    code, out, err = call("runs", home)
    assert code == 0
    assert "unfinished" in out
    assert f"tilth resume {home / 'stopped'}" in err


def test_a_run_that_needs_own_code_is_not_resumed_by_a_command(tmp_path, trained):
    (tmp_path / "own").mkdir()
    config = (trained[0] / "config.toml").read_text()
    (tmp_path / "own" / "config.toml").write_text(config + '\n[own]\nmodel = ["Net"]\n')
    _, _, err = call("runs", tmp_path)
    again = f"run the same script again with run='{tmp_path / 'own'}' and fit(..., resume=True)"
    assert err == f"Next: {again}\n"
    for verb in (["resume"], ["predict"]):
        words = [*verb, tmp_path / "own", *([trained[0]] if verb == ["predict"] else [])]
        code, _, err = call(*words)
        assert code == 2 and again in err


def test_a_folder_without_runs_says_how_to_make_one(tmp_path):
    code, out, err = call("runs", tmp_path)
    assert code == 0
    assert "no runs" in out and "Next: tilth train" in err
    assert json.loads(call("runs", tmp_path, "--json")[1]) == {"runs": []}


def test_a_damaged_run_does_not_hide_the_others(tmp_path, trained):
    home = tmp_path / "runs"
    for name in ("whole", "config", "done", "folder"):
        shutil.copytree(trained[0], home / name, ignore=shutil.ignore_patterns("checkpoints"))
    (home / "config" / "config.toml").write_text("[train\n")
    (home / "done" / "DONE").write_text("{")
    (home / "folder" / "data.json").unlink()
    (home / "folder" / "data.json").mkdir()
    os.utime(home / "config" / "config.toml")
    listed = json.loads(call("runs", home, "--json")[1])["runs"]
    states = {run["run"].rpartition("/")[2]: run["status"] for run in listed}
    assert states == {
        "whole": "done",
        "config": "unreadable",
        "done": "unreadable",
        "folder": "done",
    }
    code, out, err = call("runs", home)
    assert code == 0 and "unreadable" in out
    assert "config" not in err and " done" not in err
