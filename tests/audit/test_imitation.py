"""The look at a policy that imitates: the other loss beside it is that of a run of its own."""

import pytest
import torch

import tilth as tl
from tilth.audit.looks.imitation import other_loss

ROAD = {"length": 60.0, "height": 12, "width": 20}


def learner(folder, **task):
    return tl.Learner(
        tl.world("RoadWorld", ROAD),
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
