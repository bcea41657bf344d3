"""Both arms of the benches of worlds learn with the same settings, as the flow has them."""

from __future__ import annotations

import ast
import importlib
from importlib.util import find_spec

import pytest

from bench import environment
from bench.__main__ import NAMES
from tilth.data.world import open_world
from tilth.objectives.proximal import Proximal
from tilth.tasks._methods import method_for


def stated(name):
    """Return a literal that the peer's script assigns; its packages are not installed here."""
    text = (environment.ROOT / "bench" / "peers" / "with_sb3.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.AnnAssign) and node.target.id == name:
            return ast.literal_eval(node.value)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            names = [one.id for one in node.targets[0].elts]
            if name in names:
                return ast.literal_eval(node.value.elts[names.index(name)])
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise KeyError(name)


@pytest.mark.parametrize("world", ["CartPole-v1", "MiniPong"])
def test_the_peer_learns_as_the_flow_does(world):
    method = method_for("ppo", open_world(world))
    assert stated("RATES")[world] == method.lr and stated("COPIES")[world] == method.copies
    rows = method.steps * method.copies // method.minibatches
    assert stated("SETTINGS")[world] == {
        "n_steps": method.steps,
        "batch_size": rows,
        "n_epochs": method.passes,
        "gamma": method.discount,
        "gae_lambda": method.trace,
        "ent_coef": method.entropy,
    }
    (objective,) = method.objectives()
    assert isinstance(objective, Proximal) and objective.clip == 0.2  # its default there
    assert stated("COMMON")["vf_coef"] == objective.value_weight / 2
    assert stated("COMMON")["max_grad_norm"] == method.clip


@pytest.mark.parametrize("name", ["worlds", "pixels"])
def test_whole_rollouts_make_up_the_frames_of_both_sizes(name):
    bench = importlib.import_module(f"bench.{name}").BENCH
    assert bench.name == name and name in NAMES
    method = method_for("ppo", open_world(str(bench.config["world"])))
    for frames in (bench.config["frames"], bench.quick["frames"]):
        assert frames % (method.steps * method.copies) == 0
    assert find_spec(bench.arms[0].module) is not None
