"""Making up rows, as a task: what is judged, kept and refused, through the whole flow."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import tilth as tl
from tests.objectives.mixtures import RING, RING_SPREAD, quality
from tests.tasks.test_autoencode import digits
from tilth.audit.kernel_distance import kernel_distance
from tilth.audit.looks import samples as look
from tilth.contracts import BaseHook
from tilth.errors import UserError
from tilth.models.dcgan import dcgan
from tilth.nn.features import fingerprint
from tilth.nn.generator_critic import latents_for, sampled
from tilth.nn.kernel_discrepancy import minus_distance, pair_values
from tilth.objectives.adversarial import CriticObjective, GeneratorObjective
from tilth.randomness import fold
from tilth.tasks._judges import inputs_of
from tilth.train.loop import Loop

LEARNER = functools.partial(
    tl.Learner,
    digits(),
    task="generate",
    epochs=2,
    model_arguments={"latent": 4, "width": 4},
    task_arguments={"conditional": True},
)


def blobs(rows=300, targets=None):
    stream = np.random.default_rng(0)
    labels = stream.integers(0, 2, rows)
    points = stream.normal(0, 1, size=(rows, 2)) * [0.5, 3] + labels[:, None] * [10, 0]
    return tl.arrays(points, labels if targets is None else targets(points))


def points_learner(**more):
    given = {"epochs": 2, "model_arguments": {"latent": 3, "width": 8}, "quiet": True, **more}
    return tl.Learner(given.pop("data", None) or blobs(), task="generate", **given)


def test_pictures_are_between_minus_one_and_one_and_points_are_standardised():
    learner = LEARNER(quiet=True)
    raw = learner.data.store.take(torch.from_numpy(learner.data.splits["train"])).float()
    found = inputs_of(learner.data, learner.data.splits["train"])
    assert torch.allclose(found, raw / 127.5 - 1, atol=1e-6)
    points = points_learner()
    rows = inputs_of(points.data, points.data.splits["train"])
    assert torch.allclose(rows.mean(0), torch.zeros(2), atol=1e-5)
    assert learner.architecture["name"] == "dcgan" and points.architecture["name"] == "mlp_gan"


def by_hand(learner, steps):
    """The game on the same batches, without the flow: the loop's own parts and two Adams."""
    setup = learner.setup()
    source = learner.task.parts(setup).source
    critic, generator = CriticObjective(r1=0.25), GeneratorObjective()
    critic_adam, generator_adam = (
        torch.optim.Adam(part.parameters(), 1e-3, betas=(0.0, 0.99))
        for part in (setup.model.critic, setup.model.generator)
    )
    context = Loop(setup.model, [], source, {}, total_steps=steps).context()
    for step in range(steps):
        batch = source.next(setup.model, context)
        players = ((critic, critic_adam, "critic"), (generator, generator_adam, "generator"))
        for objective, adam, name in players:
            terms = objective(setup.model, batch, context).parts.values()
            loss = sum(term.weight * term.total / term.count for term in terms)
            adam.param_groups[0]["lr"] = 1e-3 * (1 - step / steps)
            adam.zero_grad()
            loss.backward(inputs=list(getattr(setup.model, name).parameters()))
            adam.step()
        generator.average.update(setup.model.generator)
    return generator.average.of(setup.model.generator), setup.model.critic


def test_the_flow_trains_what_a_loop_by_hand_does_and_keeps_the_average(tmp_path):
    learner = points_learner(epochs=1, run=tmp_path / "run")
    learner.fit()
    average, critic = by_hand(points_learner(epochs=1), learner.plan.total_steps)
    for found, wanted in ((learner.model.generator, average), (learner.model.critic, critic)):
        for name, value in wanted.state_dict().items():
            torch.testing.assert_close(found.state_dict()[name], value, rtol=1e-4, atol=1e-6)


def test_the_measure_is_the_energy_distance_to_the_rows_of_the_split():
    learner = points_learner()
    real = inputs_of(learner.data, learner.data.splits["valid"])
    latents = latents_for(learner.model, len(real), seed=fold(0, "made", "valid"))
    made = sampled(learner.model, latents)
    wanted = pair_values(real.double(), made.double(), minus_distance).mean()
    found = learner.validate("valid")
    assert found["valid/kernel_distance"] == pytest.approx(float(wanted), rel=1e-9)
    assert found == learner.validate("valid")


def test_real_rows_are_nearer_than_made_ones_and_labels_are_read():
    learner = LEARNER(quiet=True)
    setup, data = learner.setup(), learner.data
    rows = data.splits["test"]
    real, labels = inputs_of(data, rows), data.targets[torch.from_numpy(rows)]
    train = inputs_of(data, data.splits["train"][: len(rows)])
    ceiling = learner.task.values(setup, real, train, labels)[:, 0].mean()
    noise = learner.task.values(setup, real, torch.rand_like(real) * 2 - 1, labels)
    assert ceiling < 0.1 * noise[:, 0].mean()
    assert learner.task.values(setup, real, real, labels)[:, 1].mean() > 0.85
    assert noise[:, 1].mean() < 0.4


def test_pictures_without_labels_are_judged_by_a_net_that_sees_noise_and_one_picture_repeated():
    pixels = np.round(load_digits().images[:600] * (255 / 16)).astype(np.uint8)
    small = {"latent": 4, "width": 4}
    learner = tl.Learner(tl.arrays(pixels), task="generate", model_arguments=small, quiet=True)
    setup, data = learner.setup(), learner.data
    judge = learner.task.judge(setup)
    rows = data.splits["test"]
    real, train = inputs_of(data, rows), inputs_of(data, data.splits["train"][: len(rows)])
    ceiling = judge.distances(real, train)
    error = float(ceiling.std()) / len(rows) ** 0.5
    for worse in (torch.rand_like(real) * 2 - 1, -real, real[:1].expand_as(real)):
        assert judge.distances(real, worse).mean() > ceiling.mean() + 10 * error
    assert "fixed random weights" in judge.told and fingerprint(judge.body) in judge.told


def test_every_run_is_judged_by_the_same_net():
    first, second = (LEARNER(quiet=True, seed=seed) for seed in (0, 1))
    hashes = [fingerprint(one.task.judge(one.setup()).body) for one in (first, second)]
    assert hashes[0] == hashes[1]
    assert hashes[0] in first.task.judge(first.setup()).told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"loss": "logistic"}, "unknown loss 'logistic'"),
        ({"critic_steps": 0}, "critic_steps=0"),
        ({"gradient_penalty": -1.0}, "gradient_penalty=-1"),
        ({"average_decay": 1.0}, "average_decay=1"),
        ({"loss": "wasserstein"}, "bound on the critic"),
    ],
)
def test_rules_that_cannot_be_are_refused(arguments, said):
    with pytest.raises(UserError, match=said):
        points_learner(task_arguments=arguments)


def test_a_clipped_critic_is_bounded_and_its_generator_steps_before_it(tmp_path):
    clipped = {"loss": "wasserstein", "weight_clip": 0.01, "critic_steps": 2}
    learner = points_learner(task_arguments=clipped, run=tmp_path / "run", epochs=1)
    assert [one.moves for one in learner.parts().objectives] == ["generator", "critic"]
    learner.fit()
    assert max(float(p.detach().abs().max()) for p in learner.model.critic.parameters()) == (
        pytest.approx(0.01)
    )


def test_penalties_are_those_asked_for_and_the_usual_one_gives_way():
    for arguments, wanted in (
        ({}, (0.0, 0.25)),
        ({"gradient_penalty": 10.0}, (10.0, 0.0)),
        ({"r1": 2.0, "r1_every": 4}, (0.0, 2.0)),
    ):
        parts = points_learner(task_arguments=arguments).parts()
        critic = parts.objectives[0]
        assert (critic.gradient_penalty, critic.r1) == wanted
        assert ("mix_uniform" in parts.source.shapes) is (wanted[0] > 0)


def test_a_schedule_leaves_the_momentum_of_players_as_it_is(tmp_path):
    seen = set()

    class Seen(BaseHook):
        def after_step(self, loop):
            for player in loop.players.values():
                seen.update(group["betas"] for group in player.optimizer.param_groups)

    points_learner(schedule="one_cycle", epochs=1, hooks=[Seen()], run=tmp_path / "run").fit()
    assert seen == {(0.0, 0.99)}


def test_without_an_average_the_generator_itself_is_judged():
    learner = points_learner(task_arguments={"average_decay": 0.0})
    judged = learner.parts().judged(learner.model)
    for name, value in learner.model.state_dict().items():
        assert torch.equal(judged.state_dict()[name], value)


def test_data_that_cannot_be_made_up_is_refused():
    stream = np.random.default_rng(0)
    large = stream.integers(0, 255, (60, 72, 72), dtype=np.uint8)
    for pictures, said in (
        (large, "72 x 72 px"),
        (large[:, :32, :16], "32 x 16 px"),
        (large[:, :9, :9], "even and at least 8 px"),
    ):
        with pytest.raises(UserError, match=said):
            tl.Learner(tl.arrays(pictures, np.arange(60) % 2), task="generate", quiet=True)
    with pytest.raises(UserError, match="conditional=True for a target"):
        points_learner(
            data=blobs(targets=lambda points: points[:, 0]), task_arguments={"conditional": True}
        )
    with pytest.raises(UserError, match=r"\d+ rows in valid"):
        points_learner(data=blobs(rows=60))
    flat = np.stack([stream.normal(size=300), np.ones(300)], axis=1)
    with pytest.raises(UserError, match="never vary: x1"):
        points_learner(data=tl.arrays(flat, np.arange(300) % 2))
    words = np.array([["a", "b"], ["b", "a"]] * 150, dtype=object)
    with pytest.raises(UserError, match="an array of numbers"):
        points_learner(data=tl.arrays(words, np.arange(300) % 2))


def test_mixed_pictures_are_no_example_of_a_label():
    learner = LEARNER(quiet=True, augment=True)
    learner.data.augment = dataclasses.replace(learner.data.augment, mixup=0.5)
    with pytest.raises(UserError, match="mixup or cutmix where pictures are made for a label"):
        learner.task.check(learner.setup())


def test_models_that_cannot_play_are_refused_before_training():
    with pytest.raises(UserError, match="leave loss out"):
        points_learner(loss=nn.MSELoss())._check()
    with pytest.raises(UserError, match="a generator and a critic"):
        points_learner(model=nn.Linear(2, 2), model_arguments=None)._check()
    deep = tl.Learner(
        tl.arrays(np.zeros((240, 16, 16), dtype=np.uint8), np.arange(240) % 3),
        task="generate",
        quiet=True,
        task_arguments={"gradient_penalty": 10.0},
    )
    with pytest.raises(UserError, match="resnet_gan"):
        deep._check()
    wide = dcgan(channels=1, size=16, latent=4, width=4, classes=10)
    with pytest.raises(UserError, match=r"makes \[2, 1, 16, 16\] where rows are \[2, 1, 8, 8\]"):
        LEARNER(quiet=True, model=wide, model_arguments=None)._check()
    with pytest.raises(UserError, match="a range test"):
        points_learner().find_lr()


def test_a_warm_start_takes_both_players_from_a_bundle(tmp_path):
    run = points_learner(run=tmp_path / "run").fit()
    bundle = run.export(tmp_path / "bundle")
    second = points_learner(warm_start=bundle, seed=5)
    for name, value in run.learner.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name
    assert second.warm_notes == [f"16 of 16 body tensors taken from {bundle}"]
    told = points_learner(warm_start=bundle, task_arguments={"conditional": True})
    assert any("left at their first values: " in note for note in told.warm_notes)


def test_the_look_shows_the_ceiling_the_simple_way_and_copies(tmp_path):
    run = points_learner(run=tmp_path / "run", data=blobs(1500), epochs=1).fit()
    found = run.audit()
    (gaussian,) = found["baselines"]
    assert gaussian["name"] == "gaussian"
    sections = {part["title"]: part for part in found["sections"]}
    rows = sections["Made and real"]["table"]["rows"]
    frechet = [float(row[1].replace(",", "")) for row in rows]
    assert frechet[2] < frechet[1] < frechet[0]  # a Gaussian of two blobs beats one epoch
    assert rows[2][-1].startswith("0 of "), rows[2]  # of real rows no mode is left out
    assert len(sections["What it makes"]["strips"][0]["shown"]) > 3
    assert "three times as near" in sections["Copies"]["lines"][0]


@pytest.mark.slow
def test_a_ring_of_eight_gaussians_is_made_whole_through_the_flow(tmp_path):
    stream = torch.Generator().manual_seed(0)
    labels = torch.randint(8, (20_000,), generator=stream)
    points = RING[labels] + RING_SPREAD * torch.randn(20_000, 2, generator=stream)
    learner = tl.Learner(
        tl.arrays(points, labels), task="generate", run=tmp_path / "run", quiet=True, threads=1
    )
    sampler = tl.load(learner.fit().export())
    made = torch.from_numpy(sampler.sample(10_000)).float()
    modes, share = quality(made, RING, RING_SPREAD, within=10)
    assert modes == 8
    assert share >= 0.7


def test_what_was_made_for_a_row_is_not_scored_beside_that_row():
    """The kernel's estimate takes two sets for independent: equal pairs would pull it below 0."""
    learner = points_learner(data=blobs(1500))
    data, setup = learner.data, learner.setup()
    rows = data.splits["test"]
    real, train = inputs_of(data, rows), inputs_of(data, data.splits["train"][: len(rows)])
    labels = data.targets[torch.from_numpy(rows)]
    seen = look.Seen(real=real, train=train, made=real, simple=train, labels=labels)
    scored, _ = look._distances(learner.task, setup, seen, 0)
    beside = kernel_distance(real.double().numpy(), real.double().numpy())
    assert beside.value < -5 * beside.error
    assert abs(scored.kernel) < 3 * scored.kernel_error
