"""The look at a policy that imitates: the other loss beside it is that of a run of its own."""

import pytest
import torch

import tilth as tl
from tilth.audit.looks.imitation import other_loss

ROAD = {"length": 60.0, "height": 12, "width": 20}


def learner(folder, *model, given=None, **task):
    return tl.Learner(
        tl.world("RoadWorld", ROAD),
        *model,
        **(given or {}),
        task="imitate",
        task_arguments={"frames": 320, **task},
        epochs=1,
        seed=5,
        threads=1,
        quiet=True,
        run=folder,
    )


@pytest.mark.parametrize("loss", ["likelihood", "squared_error"])
def test_the_net_beside_it_is_what_the_other_loss_trains(loss, tmp_path):
    names = {"likelihood", "squared_error"}
    (wanted,) = names - {loss}
    mine, other = learner(tmp_path / "mine", loss=loss), learner(tmp_path / "other", loss=wanted)
    mine.fit()
    found, name = other_loss(mine.task, mine.setup())
    assert name == wanted
    other.fit()
    for key, value in other.model.state_dict().items():
        assert torch.equal(found.state_dict()[key], value), key


def test_the_report_has_roads_forks_and_two_films(tmp_path):
    found = learner(tmp_path / "run").fit().audit()
    titles = [part["title"] for part in found["sections"]]
    assert titles == ["Where the road parts", "Good and bad episodes", "An episode"]
    assert [one["name"] for one in found["baselines"]] == ["other_loss", "random"]
    films = [strip["shown"][0]["gif"][:6] for strip in found["sections"][2]["strips"]]
    assert films == ["R0lGOD", "R0lGOD"]
    exits = found["test"]["exits"]
    assert 0 <= exits["low"] <= exits["value"] <= exits["high"] <= 1
    assert found["test_rows"]["count"] == 100


def test_the_same_net_has_the_given_sizes_and_the_given_optimizer(tmp_path):
    def still(model):
        return torch.optim.SGD(model.parameters(), lr=0.0)

    given = {"model_arguments": {"layers": [5], "width": 4}, "optimizer": still}
    mine = learner(tmp_path / "mine", given=given)
    before = {name: value.clone() for name, value in mine.model.state_dict().items()}
    found, _ = other_loss(mine.task, mine.setup())
    for name, value in found.state_dict().items():
        if name.startswith("body."):
            assert torch.equal(value, before[name]), name
    assert found.head.weight.shape == (3, 5)
    own = learner(tmp_path / "own", mine.model, given={"optimizer": still})
    assert type(other_loss(own.task, own.setup())[0]) is type(mine.model)


def test_the_net_beside_it_takes_the_steps_of_all_phases(tmp_path, monkeypatch):
    mine = learner(tmp_path / "run")
    mine.fit()
    run = mine.fit(1)
    steps = [plan["total_steps"] for plan in run.folder.config["phase"]]
    assert len(steps) == 2
    (note, *_) = run.audit()["baselines"][0]["notes"]
    assert note.startswith(f"{sum(steps):,} steps on the same frames")
