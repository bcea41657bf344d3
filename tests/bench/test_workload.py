"""The arms' shared pieces against other libraries and against each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from bench import compiled_step, environment, hand, made_data, workload
from tilth.models.small_resnet import small_resnet


def test_the_area_equals_scikit_learns_with_ties():
    generator = np.random.default_rng(0)
    scores = np.round(generator.standard_normal(500), 1)
    positive = generator.random(500) < 0.3
    area = workload.area_under_curve(scores, positive)
    assert abs(area - roc_auc_score(positive, scores)) < 1e-12


def test_the_digits_net_has_the_parameters_it_is_said_to_have():
    net = workload.two_conv_net()
    assert sum(p.numel() for p in net.parameters()) == 1_199_882
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_the_picture_net_of_the_peers_is_the_usual_one_written_out():
    ours = small_resnet(channels=3, size=32, outputs=10)
    theirs = workload.small_picture_net()
    given = zip(ours.state_dict().values(), theirs.state_dict(), strict=True)
    theirs.load_state_dict({name: value for value, name in given})
    pictures = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(theirs(pictures), ours(pictures))


def test_one_cycle_equals_torchs():
    steps, peak = 40, 0.1
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=1.0)
    # torch counts from 0 to total - 1 and ends its rise one step early.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, steps + 1, pct_start=11 / (steps + 1), final_div_factor=4000
    )
    for rate, momentum in hand.one_cycle(steps, peak):
        group = optimizer.param_groups[0]
        assert abs(group["lr"] - rate) < 1e-12
        assert abs(group["betas"][0] - momentum) < 1e-12
        optimizer.step()
        schedule.step()


def test_the_fused_step_takes_the_same_steps_as_the_guarded_loop():
    torch.set_default_dtype(torch.float64)
    config = {"steps": 30, "batch": 8, "rate": 0.05, "check_every": 10}
    inputs, labels = map(torch.from_numpy, workload.mlp_rows(8 * 30))
    inputs = inputs.double()
    loop, fused = workload.small_mlp(), workload.small_mlp()
    fused.load_state_dict(loop.state_dict())
    torch.manual_seed(1)
    hand.guarded_steps(config, hand.resident_batches(inputs, labels, 8), loop)
    torch.manual_seed(1)
    with torch.no_grad():
        data = {"inputs": inputs, "labels": labels}
        compiled_step.run(config, compiled_step.step, fused, data)
    for one, other in zip(loop.parameters(), fused.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


def test_made_data_is_the_same_every_time(tmp_path, monkeypatch):
    texts = []
    for name in ("a", "b"):
        monkeypatch.setenv("TILTH_BENCH_CACHE", str(tmp_path / name))
        texts.append(made_data.table(200).read_bytes())
        assert made_data.table(200).read_bytes() == texts[-1]
        pictures = sorted(made_data.folder(10).rglob("*.jpg"))
        assert len(pictures) == 10
        assert {path.parent.name for path in pictures} == {f"class{n}" for n in range(10)}
        texts.append(b"".join(path.read_bytes() for path in pictures))
    assert texts[:2] == texts[2:]
    header = texts[0].decode().splitlines()[0]
    assert header == ",".join((*made_data.NUMBERS, *made_data.CATEGORIES, made_data.TARGET))


ADAMS = ("torch.optim.Adam", "torch.optim.AdamW")


def optimizer_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls that make, or are handed, an Adam of torch."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        given = [call.func, *call.args, *(keyword.value for keyword in call.keywords)]
        words = [ast.unparse(part) for part in given]
        if words[0].startswith("torch.optim.Adam") or {*ADAMS} & {*words[1:]}:
            yield call


def test_every_torch_arm_has_the_fused_optimizer():
    calls = [
        (path.name, call)
        for path in sorted((environment.ROOT / "bench").glob("*.py"))
        + sorted((environment.ROOT / "bench" / "peers").glob("*.py"))
        for call in optimizer_calls(ast.parse(path.read_text()))
    ]
    assert {"ours.py", "hand.py", "with_lightning.py", "with_skorch.py", "with_fastai.py"} <= {
        name for name, _ in calls
    }
    for name, call in calls:
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert "True" in (given.get("fused"), given.get("optimizer__fused")), (name, call.lineno)


def test_fastai_is_given_an_optimizer_wherever_it_learns():
    """Its own Adam is a loop in Python."""
    calls = [
        (path.name, call)
        for path in sorted((environment.ROOT / "bench" / "peers").glob("with_fastai*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).lower().endswith("learner")
    ]
    assert len(calls) >= 3
    for name, call in calls:
        by_name = {keyword.arg for keyword in call.keywords}  # or the fourth
        assert len(call.args) >= 4 or "opt_func" in by_name, (name, call.lineno)
