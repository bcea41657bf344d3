import torch
import torch.nn.functional as F
from torch import nn

from tilth.contracts import Batch
from tilth.nn.auxiliary import AuxiliaryHeads, answers, without_auxiliary
from tilth.objectives.supervised import CrossEntropy, Supervised


def net():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5))
    return AuxiliaryHeads(body, nn.Linear(5, 2), {"1": nn.Linear(4, 2)}, weight=0.3)


def batch():
    return Batch(torch.rand(6, 3), torch.arange(6) % 2, torch.arange(6))


def test_the_loss_is_that_of_the_head_and_weighted_ones_of_the_others():
    """Against the formula of Szegedy et al. 2015, and its gradient."""
    model, rows = net(), batch()
    inner = model.body[1](model.body[0](rows.inputs))
    main = F.cross_entropy(model.head(model.body[2](inner)), rows.targets)
    extra = F.cross_entropy(model.auxiliary["1"](inner), rows.targets)
    expected = torch.autograd.grad(main + 0.3 * extra, list(model.parameters()))
    loss = Supervised(CrossEntropy())(model, rows, None)
    whole = sum(part.weight * part.total / part.count for part in loss.parts.values())
    assert list(loss.parts) == ["loss", "loss_1"]
    for ours, theirs in zip(
        torch.autograd.grad(whole, list(model.parameters())), expected, strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_nothing_is_added_while_it_is_judged():
    model, rows = net().eval(), batch()
    assert list(Supervised(CrossEntropy())(model, rows, None).parts) == ["loss"]
    assert answers(model, rows.inputs)[1:] == ({}, 0.0)


def test_without_them_the_answers_are_the_same_and_the_weights_shared():
    model, rows = net(), batch()
    plain = without_auxiliary(model)
    assert torch.equal(plain(rows.inputs), model(rows.inputs))
    assert plain.head is model.head and plain.training
    assert not any("auxiliary" in key for key in plain.state_dict())
    assert without_auxiliary(plain) is plain


def test_a_compiled_model_keeps_them():
    model, rows = net(), batch()
    compiled = nn.Module()  # as torch.compile wraps: the model is inside
    compiled._orig_mod = model
    outputs, extra, weight = answers(compiled, rows.inputs)
    assert torch.equal(outputs, model(rows.inputs))
    assert list(extra) == ["1"] and weight == 0.3
