"""Classes of a target out of a labelled source, as a task."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import tilth as tl
from tilth.audit.looks.adaptation import bound
from tilth.contracts import Player
from tilth.data.paired import Domain, PairedSource
from tilth.errors import UserError
from tilth.models.domain_net import domain_net
from tilth.objectives.domain_adversarial import DomainAdversarial
from tilth.randomness import fold
from tilth.train.loop import Loop

SMALL = {"width": 4, "hidden": 8}
LABELS = np.array(["low", "middle", "high"])


def bars(count, seed, dim=1.0):
    """Return pictures of a bright bar at one of three heights, and where it is."""
    stream = np.random.default_rng(seed)
    kinds = stream.integers(0, 3, count)
    pixels = stream.integers(0, 60, (count, 16, 16)).astype(np.float64)
    for picture, kind in zip(pixels, kinds, strict=True):
        picture[2 + 5 * kind : 4 + 5 * kind] += 180
    return (pixels * dim).astype(np.uint8), LABELS[kinds]


def pair(*, labels=True):
    pixels, names = bars(120, 1, dim=0.5)
    return tl.domains(tl.arrays(*bars(120, 0)), tl.arrays(pixels, names) if labels else pixels)


LEARNER = functools.partial(
    tl.Learner, pair(), task="adapt", epochs=2, batch_size=16, model_arguments=SMALL
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return LEARNER(quiet=True, run=tmp_path_factory.mktemp("adapt") / "run", lr=0.01).fit()


def test_valid_is_judged_by_the_source_and_test_by_the_target():
    learner = LEARNER(quiet=True)
    for split, one in (("valid", learner.data.source), ("test", learner.data.onto)):
        rows = torch.from_numpy(one.splits[split])
        inputs = one.store.take(rows).float() / 127.5 - 1
        with torch.no_grad():
            logits = learner.model.eval()(inputs)
        found, targets = learner.validate(split), one.targets[rows]
        right = (logits.argmax(1) == targets).float().mean()
        assert found[f"{split}/accuracy"] == pytest.approx(float(right))
        wanted = F.cross_entropy(logits, targets)
        assert found[f"{split}/log_loss"] == pytest.approx(float(wanted), rel=1e-4)


def test_target_labels_move_no_weight_and_choose_none(tmp_path):
    """With every label of the target turned, the run ends with the same weights."""
    pixels, names = bars(120, 1, dim=0.5)
    turned = LABELS[(np.searchsorted(np.sort(LABELS), names) + 1) % 3]
    source = tl.arrays(*bars(120, 0))
    rows = np.arange(120)
    splits = {"train": rows[:80], "valid": rows[80:100], "test": rows[100:]}
    ends = []
    for number, labels in enumerate((names, turned)):
        data = tl.domains(source, tl.arrays(pixels, labels, splits=splits))
        learner = tl.Learner(
            data,
            task="adapt",
            epochs=3,
            batch_size=16,
            model_arguments=SMALL,
            quiet=True,
            run=tmp_path / str(number),
        )
        learner.fit()
        ends.append(learner.model.state_dict())
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


@pytest.mark.parametrize("method", ["dann", "cdan"])
def test_the_flow_puts_together_the_parts_that_one_would_name_by_hand(method):
    learner = LEARNER(
        quiet=True,
        augment=False,
        schedule="constant",
        task_arguments={"method": method, "peak": 0.3},
        seed=4,
    )
    torch.manual_seed(fold(4, "model"))
    model = domain_net(channels=1, size=16, labels=3, conditional=method == "cdan", **SMALL)
    learner.loop(learner.plan).fit()
    data = learner.data

    def scaled(raw, keys, epoch):
        return (raw.float() - 127.5) * (1 / torch.tensor(127.5))

    rows, others = data.sides("train")
    domains = (
        Domain(data.source.store, rows, scaled, data.source.targets),
        Domain(data.onto.store, others, scaled),
    )
    steps = learner.plan.total_steps
    matrices = [p for p in model.parameters() if p.dim() > 1]
    biases = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=2e-3, betas=(0.5, 0.999), fused=True)
    loop = Loop(
        model,
        [DomainAdversarial(peak=0.3, condition=method == "cdan")],
        PairedSource(*domains, 16, seed=fold(4, "phase", 0)),
        {"model": Player(list(model.parameters()), optimizer)},
        total_steps=steps,
        seed=fold(4, "phase", 0),
    )
    loop.fit()
    for name, value in model.state_dict().items():
        assert torch.equal(learner.model.state_dict()[name], value), name


def test_the_source_of_batches_has_no_label_of_the_target():
    source, target = LEARNER(quiet=True).parts().source.sides
    assert target.targets.raw.numel() == 0 and len(source.targets) == 120


def test_the_bounds_stand_beside_it_with_intervals(run):
    found = run.audit()
    (alone,) = found["baselines"]
    assert alone["name"] == "source_only" and alone["difference"]["low"] is not None
    assert found["bounds"].keys() == {"source", "target"}
    for one in found["bounds"].values():
        assert one["low"] <= one["value"] <= one["high"]
    assert found["bounds"]["source"] == alone["metrics"]["accuracy"]
    titles = [section["title"] for section in found["sections"]]
    assert titles == ["Between the bounds", "Told apart", "Class by class"]
    budget = f"{run.learner.plan.total_steps:,} steps each"
    assert budget in found["sections"][0]["lines"][0]
    shown = found["sections"][1]["strips"][0]["shown"]
    assert [one["caption"] for one in shown] == [
        "Features of valid pictures, without adapting",
        "Features of valid pictures, adapted",
    ]
    counts = [row[1] for row in found["sections"][2]["table"]["rows"]]
    assert sum(counts) == found["test_count"] == len(run.learner.data.onto.splits["test"])


def test_the_source_only_bound_knows_nothing_of_the_target():
    first = LEARNER(quiet=True)
    pixels, names = bars(120, 9, dim=0.9)
    other = LEARNER(quiet=True)
    other.data = other.task.adapt(
        tl.domains(tl.arrays(*bars(120, 0)), tl.arrays(255 - pixels, names))
    )
    ends = [bound(one.task, one.setup(), "source", 0).model.state_dict() for one in (first, other)]
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


def test_without_target_labels_it_says_that_nothing_could_be_judged(tmp_path):
    learner = tl.Learner(
        pair(labels=False),
        task="adapt",
        epochs=1,
        batch_size=16,
        model_arguments=SMALL,
        quiet=True,
        run=tmp_path / "run",
    )
    found = learner.fit().audit()
    assert found["test_count"] == len(learner.data.source.splits["test"])
    assert "the target has no labels to judge by" in found["headline"]
    assert "cannot be told" in found["sections"][0]["lines"][1]
    assert found["bounds"].keys() == {"source"}


def test_its_bundle_predicts_classes_of_target_pictures(run):
    predictor = tl.load(run.export())
    pixels, _ = bars(20, 5, dim=0.5)
    inputs = torch.from_numpy(pixels)[:, None].float() / 127.5 - 1
    with torch.no_grad():
        logits = run.learner.model.eval()(inputs)
    wanted = [predictor.labels[place] for place in logits.argmax(1).tolist()]
    assert [one.label for one in predictor.predict(pixels)] == wanted


def test_the_critic_is_asked_about_as_many_of_each_side(run):
    learner = run.learner
    told = learner.task.told_apart(learner.setup(), "valid")
    assert len(told) == 2 * min(len(side) for side in learner.data.sides("valid"))
    found = learner.validate()["valid/critic_accuracy"]
    assert found == pytest.approx(told.mean()) and "valid/critic_accuracy" in run.metrics[-1]


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="has no classes to learn"):
        tl.Learner(tl.domains(bars(60, 0)[0], bars(60, 1)[0]), task="adapt", quiet=True)
    with pytest.raises(UserError, match="two sets of pictures"):
        tl.Learner(tl.arrays(*bars(60, 0)), task="adapt", quiet=True)
    for wrong in ({"method": "luck"}, {"peak": 0.0}, {"peak": float("nan")}):
        with pytest.raises(UserError, match="|".join(wrong)):
            LEARNER(quiet=True, task_arguments=wrong)
    with pytest.raises(UserError, match="give it body and head and critic"):
        tl.Learner(pair(), nn.ModuleDict({"x": nn.Flatten()}), task="adapt", quiet=True)._check()
    with pytest.raises(UserError, match="leave loss out"):
        LEARNER(quiet=True, loss=nn.CrossEntropyLoss())._check()


def test_too_few_pictures_are_refused_before_anything_is_trained():
    few = tl.domains(tl.arrays(*bars(12, 0)), tl.arrays(bars(12, 1)[0]))
    with pytest.raises(UserError, match=r"[0-3] pictures in valid.*4 at least of each set"):
        LEARNER.func(few, task="adapt", model_arguments=SMALL, quiet=True)
