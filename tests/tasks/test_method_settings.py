"""Numbers of a method that are set: they arrive, they are kept, and wrong ones are named."""

import functools
import tomllib

import pytest
import torch

import tilth as tl
from tests.stop_at import StopAt
from tilth.errors import UserError
from tilth.flow.phase import Interrupted
from tilth.flow.settings import Settings

WORLD = tl.world("CartPole-v1")


def learner(settings, method="dqn", world=WORLD, **more):
    asked = {"method": method, "settings": settings}
    return tl.Learner(world, task_arguments=asked, quiet=True, **more)


def test_numbers_arrive_where_they_are_used():
    given = {"discount": 0.9, "capacity": 3000, "rest": 0.2, "updates_per_frame": 0.25, "copies": 5}
    found = learner(given)
    source = found.parts().source
    assert (source.discount, source.capacity, source.environment.copies) == (0.9, 3000, 5)
    assert source.explore.end == 0.2 and found.plan.steps_per_epoch == 10_000 // 4
    plain = learner({}).parts().source
    assert (plain.discount, plain.capacity) == (0.99, 50_000)
    assert learner({"reach": 0.1, "discount": 1}, "ppo").parts().objectives[0].clip == 0.1


@pytest.mark.parametrize(
    ("method", "given", "told"),
    [
        ("dqn", {"discont": 0.9}, r"unknown setting of dqn 'discont'.*Choices: .*'discount'"),
        ("dqn", {"trace": 0.9}, r"unknown setting of dqn 'trace'"),
        ("ppo", {"discount": 1.5}, r"settings.discount=1.5; discount lies between 0 and 1"),
        ("ppo", {"steps": 2.5}, r"settings.steps=2.5; steps is of the type int"),
        ("ppo", {"steps": True}, r"settings.steps=True; steps is of the type int"),
        ("ppo", {"steps": 0}, r"settings.steps=0; steps is more than 0"),
        ("ppo", {"entropy": -1.0}, r"settings.entropy=-1.0; entropy is not negative"),
        ("ppo", {"discount": "high"}, r"settings.discount='high'; discount is of the type float"),
        ("dqn", {"saved": 1}, r"settings.saved=1; saved is of the type bool"),
        ("ppo", {"lr": 0.1}, r"settings.lr for ppo.*--set train.lr="),
        ("ppo", {"updates_per_frame": float("nan")}, r"updates_per_frame"),
        ("ppo", {"reach": float("inf")}, r"settings.reach=inf; reach is more than 0 and finite"),
        ("ppo", 3, r"settings=3 for ppo; the settings of a method are values by name"),
    ],
)
def test_what_it_does_not_have_is_named(method, given, told):
    with pytest.raises(UserError, match=told):
        learner(given, method)


def test_the_command_line_sets_one_number_and_keeps_the_others():
    settings = Settings().change("task.arguments.settings.discount", "0.98")
    settings = settings.change("task.arguments.settings.steps", "16")
    settings = settings.change("task.arguments.method", "ppo")
    assert settings.task.arguments == {"settings": {"discount": 0.98, "steps": 16}, "method": "ppo"}
    with pytest.raises(UserError, match="is 'ppo': nothing is inside"):
        settings.change("task.arguments.method.steps", "3")
    assert Settings().change("data.columns.net.price", "number").data.columns == {
        "net.price": "number"
    }


def test_a_run_keeps_them_and_goes_on_with_them(tmp_path):
    small = {"copies": 2, "steps": 8, "epoch_frames": 64, "minibatches": 2, "passes": 2}
    make = functools.partial(learner, small, "ppo", epochs=2, seed=1)
    whole = make(run=tmp_path / "whole")
    whole.fit()
    folder = tmp_path / "cut"
    with pytest.raises(Interrupted):
        make(run=folder, hooks=[StopAt(5)]).fit()
    kept = tomllib.loads((folder / "config.toml").read_text())
    assert kept["task"]["arguments"]["settings"] == small
    with pytest.raises(UserError, match=r"task.arguments.settings"):
        learner({**small, "discount": 0.9}, "ppo", run=folder, epochs=2, seed=1).fit(resume=True)
    again = make(run=folder, hooks=[StopAt(-1)])
    again.fit(resume=True)
    pairs = zip(again.model.parameters(), whole.model.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
