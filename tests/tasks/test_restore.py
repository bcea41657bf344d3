"""Restoring pictures, as a task: what is trained, and how it is judged."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

import tilth as tl
from tilth.audit.looks.restorations import changed
from tilth.data.lettering import lettered
from tilth.errors import UserError
from tilth.models.restoration_net import restoration_net
from tilth.randomness import fold
from tilth.tasks.restore import pairs

SMALL_NET = {"width": 8, "blocks": 1}
SMALL = {"width": 4, "blocks": 1, "critic_width": 4, "critic_halvings": 1}


def digits(rows=200):
    found = load_digits()
    pixels = np.round(found.images[:rows] * (255 / 16)).astype(np.uint8)
    return tl.arrays(pixels, found.target[:rows])


LEARNER = functools.partial(
    tl.Learner,
    digits(),
    task="restore",
    task_arguments={"worse": "smaller", "critic_weight": 0.01},
    model_arguments=SMALL,
    epochs=2,
)


def learner(**task_arguments):
    small = {"width": 8, "blocks": 1}
    return functools.partial(
        tl.Learner,
        digits(),
        task="restore",
        task_arguments=task_arguments,
        model_arguments=small,
        quiet=True,
        device="cpu",
    )


@pytest.mark.parametrize(
    ("given", "model"),
    [
        ({}, "super_resolution"),
        ({"worse": "noisy"}, "restoration_net"),
        ({"worse": "noisy", "critic_weight": 0.1}, "restorer_critic"),
    ],
)
def test_the_model_follows_from_what_was_done(given, model):
    small = {"critic_halvings": 1} if model == "restorer_critic" else {}
    found = tl.Learner(
        digits(), task="restore", task_arguments=given, model_arguments=small, quiet=True
    )
    assert found.architecture["name"] == model
    found._check()
    assert found.task.usual(found.data).range_test == (len(found.parts().players) == 1)


def test_untrained_it_scores_as_the_bicubic_enlargement():
    found = learner()()
    seen, wanted = (
        torch.cat(side) for side in zip(*pairs(found.task, found.setup(), "test"), strict=True)
    )
    larger = F.interpolate(seen, scale_factor=2, mode="bicubic").clamp(0, 1)
    errors = ((larger - wanted) ** 2).double().flatten(1).mean(1)
    assert found.validate("test")["test/psnr"] == pytest.approx(
        float((-10 * errors.log10()).mean()), rel=1e-5
    )


def test_what_is_judged_is_the_same_in_every_run():
    one, other = learner(worse="noisy")(seed=0), learner(worse="noisy")(seed=7)
    first, second = (next(pairs(each.task, each.setup(), "valid")) for each in (one, other))
    assert torch.equal(first.seen, second.seen)
    (some,) = pairs(one.task, one.setup(), "valid", np.array([4, 2]))
    assert torch.equal(some.seen, first.seen[[4, 2]])


def test_training_meets_other_noise_in_another_epoch_and_seed():
    found = learner(worse="noisy")(batch_size=140)
    source = found.parts().source
    context = found.loop(found.plan).context()
    first, second = (source.next(found.model, context) for _ in range(2))
    order = [batch.rows.argsort() for batch in (first, second)]
    wanted = [
        batch.inputs.wanted[places] for batch, places in zip((first, second), order, strict=True)
    ]
    seen = [batch.inputs.seen[places] for batch, places in zip((first, second), order, strict=True)]
    assert torch.equal(wanted[0], wanted[1]) and not torch.equal(seen[0], seen[1])
    assert abs(float((seen[0] - wanted[0]).std()) - 0.1) < 0.05


def test_a_schedule_leaves_the_momentum_of_two_players_as_it_is():
    players = LEARNER(quiet=True).parts().players
    assert set(players) == {"restorer", "critic"}
    for player in players.values():
        assert player.optimizer.param_groups[0]["betas"] == (0.5, 0.999)
        factors = [player.schedule(done) for done in (0.0, 0.25, 1.0)]
        assert factors[0][0] < factors[1][0] > factors[2][0]  # the rate follows one_cycle
        assert [momentum for _, momentum in factors] == [None] * 3


def test_without_a_critics_weight_the_loss_is_that_of_pixels(tmp_path):
    alone = learner()(epochs=1, run=tmp_path / "a").fit()
    same = learner(critic_weight=0.0, feature_weight=0.0)(epochs=1, run=tmp_path / "b").fit()
    for name, value in alone.learner.model.state_dict().items():
        assert torch.equal(same.learner.model.state_dict()[name], value)


def test_features_change_what_is_learned_and_are_no_part_of_the_bundle(tmp_path):
    plain = learner()(epochs=1, run=tmp_path / "a").fit()
    seeing = learner(feature_weight=1.0)(epochs=1, run=tmp_path / "b").fit()
    assert plain.learner.model.state_dict().keys() == seeing.learner.model.state_dict().keys()
    assert not torch.equal(
        plain.learner.model.details[0].weight, seeing.learner.model.details[0].weight
    )


def test_noise_is_taken_away_and_the_report_has_the_simple_ways_beside_it(tmp_path):
    run = learner(worse="noisy", noise=0.2)(epochs=12, lr=3e-3, run=tmp_path / "run").fit()
    found = run.audit()
    scores = {one["name"]: one["metrics"]["psnr"]["value"] for one in found["baselines"]}
    assert set(scores) == {"input", "median", "wiener"}
    assert 13 < scores["input"] < 18
    assert found["test"]["psnr"]["value"] > max(scores.values()) + 1
    titles = [section["title"] for section in found["sections"]]
    assert titles == ["Restored pictures", "Blurred or sharp"]
    (input_edges,) = [r[1] for r in found["sections"][1]["table"]["rows"] if "as it is" in r[0]]
    assert float(input_edges.rstrip(" %")) > 110  # noise is sharp, too
    tiles = found["sections"][0]["strips"][0]["shown"]
    data = run.learner.data
    name = data.item_id(int(data.splits["test"][0]))
    assert tiles[0]["caption"] == f"{name}, seen"
    assert [tile["caption"].split(",")[0] for tile in tiles][1:3] == ["restored", "wanted"]


def test_text_is_told_apart_from_what_lies_beside_it(tmp_path):
    pixels = np.full((80, 24, 24), 128, np.uint8)
    pixels[::2] += 40
    data = tl.arrays(pixels, np.arange(80) % 2)
    run = tl.Learner(
        data,
        task="restore",
        task_arguments={"worse": "covered"},
        model_arguments={"width": 4, "blocks": 1},
        epochs=1,
        quiet=True,
        run=tmp_path / "run",
    ).fit()
    table = run.audit()["sections"][2]["table"]
    rows = {row[0]: row[1:] for row in table["rows"]}
    as_it_is = rows["the picture as it is"]
    assert 3 < float(as_it_is[0]) < 10 and as_it_is[1] == "100.00"


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_what_counts_as_under_the_text_is_the_letters_drawn(kind):
    stream = np.random.default_rng(0)
    pixels = stream.integers(1, 255, (80, 16, 16)).astype(kind)  # neither black nor white
    if kind is np.float32:
        pixels = (pixels + stream.uniform(-0.4, 0.4, pixels.shape).astype(kind)) / 255
    data = tl.arrays(pixels, np.arange(80) % 2)
    covered = tl.Learner(data, task="restore", task_arguments={"worse": "covered"}, quiet=True)
    (pair,) = pairs(covered.task, covered.setup(), "test")
    rows = torch.from_numpy(covered.data.splits["test"])
    grey = torch.full_like(pair.wanted, 0.5)
    letters = lettered(grey, rows, 0, seed=fold(0, "worse", "test")) != 0.5
    assert 0.1 < letters.float().mean() < 0.3
    assert torch.equal(changed(pair), letters)


def test_what_does_not_fit_is_refused_before_anything_is_trained():
    inputs = np.random.default_rng(0).normal(size=(80, 3))
    with pytest.raises(UserError, match="what is restored is pictures"):
        tl.Learner(tl.arrays(inputs, inputs[:, 0] > 0), task="restore", quiet=True)
    with pytest.raises(UserError, match="multiples of the factor"):
        tl.Learner(
            tl.arrays(np.zeros((60, 9, 9), np.uint8), np.arange(60) % 2), task="restore", quiet=True
        )
    with pytest.raises(UserError, match="as \\[2, 1, 8, 8\\]"):
        tl.Learner(digits(), nn.Identity(), task="restore", quiet=True)._check()
    own = restoration_net(channels=1, width=4, blocks=1)
    noisy = {"worse": "noisy"}
    with pytest.raises(UserError, match="restorer and critic"):
        arguments = {**noisy, "critic_weight": 1.0}
        tl.Learner(digits(), own, task="restore", task_arguments=arguments, quiet=True)._check()
    with pytest.raises(UserError, match="critic_halvings"):
        arguments = {"critic_weight": 1.0}
        tl.Learner(digits(), task="restore", task_arguments=arguments, quiet=True)._check()
    with pytest.raises(UserError, match="leave loss out"):
        tl.Learner(digits(), own, task="restore", loss=nn.L1Loss(), quiet=True)._check()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"worse": "noisy", "factor": 2}, "leave factor out"),
        ({"worse": "covered", "noise": 0.1}, "leave noise out"),
        ({"features": "vgg"}, "feature_weight=0"),
        ({"worse": "ugly"}, "unknown way"),
    ],
)
def test_arguments_that_would_change_nothing_are_refused(given, told):
    with pytest.raises(UserError, match=told):
        tl.Learner(digits(), task="restore", task_arguments=given, quiet=True)


def test_given_pairs_teach_what_was_done_to_them(tmp_path):
    """Pictures that were darkened by a half: the net comes nearer to them than they are."""
    pixels = digits().store.take(torch.arange(200))[:, 0].numpy()
    for name, planes in (("dark", pixels // 2), ("light", pixels)):
        (tmp_path / name).mkdir()
        for number, plane in enumerate(planes):
            Image.fromarray(plane).save(tmp_path / name / f"{number:03d}.png")
    data = tl.images(tmp_path / "dark", pairs=tmp_path / "light")
    learn = tl.Learner(data, run=tmp_path / "run", quiet=True, model_arguments=SMALL_NET)
    assert learn.task.name == "restore" and learn.task.worse.kind == "given"
    run = learn.fit(5, lr=5e-3)
    found = run.audit()
    as_it_is = next(one for one in found["baselines"] if one["name"] == "input")["metrics"]
    rows = data.splits["test"]
    seen, wanted = (data.in_range(0, 1).follow(train=False)(one.take(torch.from_numpy(rows)), 0, 0)
                    for one in (data.store, data.partners))  # fmt: skip
    errors = (seen - wanted).square().flatten(1).mean(dim=1)
    assert as_it_is["psnr"]["value"] == pytest.approx(float(-10 * errors.log10().mean()), abs=0.01)
    assert found["test"]["psnr"]["value"] > as_it_is["psnr"]["value"] + 3
    assert tl.load(run.export()).apply(pixels[0]).size == (8, 8)
    with pytest.raises(UserError, match="leave worse out"):
        tl.Learner(data, task_arguments={"worse": "noisy"})
