"""Pictures of one set in the looks of another, as a task."""

import functools

import numpy as np
import pytest
import torch
from torch import nn

import tilth as tl
from tests.tasks.test_adapt import bars
from tilth.data.image_pool import WithImagePool
from tilth.errors import UserError
from tilth.tasks.translate import LARGE_NET, SMALL_NET, kid_values

SMALL = {"width": 4, "blocks": 1, "critic_width": 4, "critic_halvings": 1}


def pair(count=100):
    """Return pictures of bars and, as the other set, their negatives."""
    return tl.domains(bars(count, 0)[0], 255 - bars(count, 1)[0])


LEARNER = functools.partial(
    tl.Learner, pair(), task="translate", epochs=1, batch_size=8, model_arguments=SMALL
)


class Fixed(nn.Module):
    """Translators that are given, beside critics that see nothing."""

    def __init__(self, there, back):
        super().__init__()
        self.generator = nn.ModuleDict({"to_target": there, "to_source": back})
        self.critic = nn.ModuleDict({"source": nn.Identity(), "target": nn.Identity()})

    def forward(self, inputs):
        return self.generator["to_target"](inputs)


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, inputs):
        return inputs * self.factor


def given(there, back):
    learner = tl.Learner(pair(600), task="translate", model_arguments=SMALL, quiet=True)
    model = Fixed(there, back)
    model.generator.to_target, model.generator.to_source = there, back
    learner.model = model
    return learner


def test_who_knows_the_way_has_no_discrepancy_and_comes_back():
    knows = given(Times(-1.0), Times(-1.0)).validate("test")
    leaves = given(Times(1.0), Times(1.0)).validate("test")
    assert abs(knows["test/kid"]) < 0.05 * leaves["test/kid"]
    assert knows["test/cycle_error"] == leaves["test/cycle_error"] == 0
    # half as far from grey, and never back: the error is half the mean distance from grey, halved
    halves = given(Times(0.5), Times(1.0))
    _, made, again = halves.task.translated(halves.setup(), "source", "test")
    assert torch.equal(made, again)
    seen = [
        halves.task.translated(halves.setup(), side, "test")[0].abs()
        for side in ("source", "target")
    ]
    one_way = float(torch.cat(seen).mean()) / 4
    assert halves.validate("test")["test/cycle_error"] == pytest.approx(one_way, rel=1e-5)


def test_each_direction_is_compared_with_the_real_pictures_of_the_other_set():
    learner = LEARNER(quiet=True)
    setup, task = learner.setup(), learner.task
    look = task.features(setup)
    source, there, _ = task.translated(setup, "source", "test")
    target, here, _ = task.translated(setup, "target", "test")
    values = task.values(setup, "test")
    count = len(source)
    assert np.allclose(values[:count, 0], kid_values(look(target), look(there)))
    assert np.allclose(values[count:, 0], kid_values(look(source), look(here)))
    scaled = np.concatenate([look(source), look(target)])
    assert scaled.std() == pytest.approx(1.0, abs=0.5)  # standardised over train, these are test


def test_as_many_of_each_set_judge_and_features_are_the_same_in_every_run():
    data = tl.domains(bars(100, 0)[0], 255 - bars(60, 1)[0])
    first, second = (
        LEARNER(quiet=True),
        tl.Learner(data, task="translate", model_arguments=SMALL, seed=5, quiet=True),
    )
    for split in ("valid", "test"):
        source, target = second.data.sides(split)
        assert len(source) == len(target) == len(data.onto.splits[split])
    again = LEARNER(quiet=True, seed=9)
    pictures = torch.rand(4, 1, 16, 16)
    one, other = (x.task.features(x.setup())(pictures) for x in (first, again))
    assert np.array_equal(one, other)


def test_two_players_move_the_nets_between_them_with_a_pool():
    learner = LEARNER(quiet=True)
    with pytest.raises(UserError, match="a range test for translate"):
        learner.find_lr()
    parts = learner.parts()
    assert [objective.moves for objective in parts.objectives] == ["critic", "generator"]
    assert isinstance(parts.source, WithImagePool) and parts.source.size == 50
    owned = [id(p) for player in parts.players.values() for p in player.parameters]
    assert len(owned) == len(set(owned)) == len(list(learner.model.parameters()))
    assert parts.players["critic"].schedule(0.5) == (1.0, None)
    assert parts.players["critic"].optimizer.defaults["betas"] == (0.5, 0.999)


def test_nets_are_as_large_as_the_pictures_ask_for():
    task = LEARNER(quiet=True).task
    small = task.model_arguments(pair(60))
    large = tl.domains(*np.zeros((2, 60, 68, 68), np.uint8) + np.arange(2)[:, None, None, None])
    assert small == {"channels": 1, **SMALL_NET}
    assert task.model_arguments(large) == {"channels": 1, **LARGE_NET}


def test_the_page_shows_both_ways_and_a_floor(tmp_path):
    run = LEARNER(quiet=True, run=tmp_path / "run").fit()
    found = run.audit()
    grids, distances = found["sections"]
    titles = [strip["title"] for strip in grids["strips"] if strip["title"]]
    assert len(titles) == 4 and len(grids["strips"]) == 12
    assert titles[0].startswith("arrays (source), below it as arrays (target), and back")
    assert titles[2].startswith("arrays (target), below it as arrays (source), and back")
    assert [row[0] for row in distances["table"]["rows"]] == [
        "source to target",
        "target to source",
    ]
    (unchanged,) = found["baselines"]
    assert unchanged["metrics"]["cycle_error"]["value"] == 0
    assert found["main_metric"] == "kid"


def test_a_translator_gives_what_the_model_gives(tmp_path):
    run = LEARNER(quiet=True, run=tmp_path / "run").fit()
    translator = tl.load(run.export())
    pixels = bars(5, 3)[0]
    inputs = torch.from_numpy(pixels)[:, None].float() / 127.5 - 1
    nets = run.learner.model.eval().generator
    with torch.no_grad():
        wanted = {"target": nets.to_target(inputs), "source": nets.to_source(inputs)}
    for to, pictures in wanted.items():
        found = translator.translate(pixels, to=to)
        torch.testing.assert_close(found, (pictures + 1) / 2, atol=1e-5, rtol=1e-4)
    with pytest.raises(UserError, match="unknown set 'there'"):
        translator.translate(pixels, to="there")


def test_what_does_not_fit_is_refused():
    for wrong in ({"cycle": 0.0}, {"identity": -1.0}, {"cycle": float("inf")}):
        with pytest.raises(UserError, match="weight"):
            LEARNER(quiet=True, task_arguments=wrong)
    with pytest.raises(UserError, match="4 at least of each set"):
        tl.Learner(tl.domains(bars(100, 0)[0], bars(16, 1)[0]), task="translate", quiet=True)
    with pytest.raises(UserError, match=r"generator\.to_target"):
        tl.Learner(pair(), nn.Flatten(), task="translate", quiet=True)._check()
    odd = np.random.default_rng(0).integers(0, 255, (2, 60, 18, 18), dtype=np.uint8)
    with pytest.raises(UserError, match="multiple of 4"):
        tl.Learner(tl.domains(*odd), task="translate", model_arguments=SMALL, quiet=True)._check()


def test_pictures_that_a_net_cannot_take_are_refused():
    pixels = np.random.default_rng(0).integers(0, 256, (100, 4, 4), dtype=np.uint8)
    learner = tl.Learner(tl.domains(pixels[:50], pixels[50:]), task="translate", quiet=True)
    with pytest.raises(UserError, match=r"cannot take rows \[2, 1, 4, 4\].*larger pictures"):
        learner.task.check(learner.setup())
