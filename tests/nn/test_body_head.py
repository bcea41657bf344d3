import torch
from torch import nn

from tilth.nn.body_head import BodyHead


def test_the_head_answers_on_what_the_body_makes():
    body, head = nn.Linear(3, 4), nn.Linear(4, 2)
    net = BodyHead(body, head)
    x = torch.randn(5, 3)
    assert torch.equal(net(x), head(body(x)))
    assert {name.split(".")[0] for name, _ in net.named_parameters()} == {"body", "head"}
