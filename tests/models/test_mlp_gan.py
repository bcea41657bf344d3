import pytest
import torch
import torch.nn.functional as F

from tilth.errors import UserError
from tilth.models.mlp_gan import mlp_gan

STREAM = torch.Generator().manual_seed(0)
LATENT, LABELS = torch.randn(12, 3, generator=STREAM), torch.arange(12) % 4


def call(model, inputs):
    latent, labels = inputs
    return model.critic(model(latent, labels), labels)


CASE = {
    "arguments": {"features": 2, "latent": 3, "classes": 4, "width": 16, "depth": 2},
    "inputs": lambda rows: (LATENT[:rows], LABELS[:rows]),
    "call": call,
}


def test_labels_stand_beside_the_latent_and_scores_are_projected():
    """Miyato and Koyama 2018, equation 3, written out in float64."""
    torch.manual_seed(0)
    model = mlp_gan(**CASE["arguments"]).double()
    state = model.state_dict()

    def dense(part, place, x):
        return x @ state[f"{part}.{place}.weight"].T + state[f"{part}.{place}.bias"]

    one_hot = torch.eye(4, dtype=torch.float64)[LABELS]
    x = torch.cat([LATENT.double(), one_hot], 1)
    for place in (0, 2):
        x = dense("generator.net", place, x).clamp(min=0)
    points = dense("generator.net", 4, x)
    torch.testing.assert_close(model(LATENT.double(), LABELS), points)
    features = points
    for place in (0, 2):
        features = dense("critic.features", place, features).clamp(min=0)
    weight, bias = state["critic.score.weight"], state["critic.score.bias"]
    classes = state["critic.embedding.weight"]
    wanted = [features[i] @ (weight[0] + classes[LABELS[i]]) + bias[0] for i in range(12)]
    torch.testing.assert_close(model.critic(points, LABELS), torch.stack(wanted))


def test_the_class_moves_scores_by_the_class_path_only():
    torch.manual_seed(0)
    model = mlp_gan(**CASE["arguments"]).double()
    points = torch.randn(12, 2, dtype=torch.float64)
    other = (LABELS + 1) % 4
    features = model.critic.features(points)
    rows = F.embedding(other, model.critic.embedding.weight)
    rows = rows - F.embedding(LABELS, model.critic.embedding.weight)
    swapped = model.critic(points, other) - model.critic(points, LABELS)
    torch.testing.assert_close(swapped, (features * rows).sum(1))


@pytest.mark.parametrize("classes", [0, 4])
def test_labels_are_given_where_there_are_classes_and_only_there(classes):
    model = mlp_gan(features=2, latent=3, classes=classes, width=4, depth=1)
    labels = () if classes else (LABELS,)
    with pytest.raises(UserError, match=f"a net of {classes} classes"):
        model(LATENT, *labels)
    with pytest.raises(UserError, match="conditional=True"):
        model.critic(torch.zeros(12, 2), *labels)


def test_activations_neither_die_nor_explode_at_the_start():
    """Kaiming: the mean square of what enters a layer is that of the layer before."""
    torch.manual_seed(0)
    net = mlp_gan(features=64, latent=64, width=512, depth=6).generator.net
    x = torch.randn(256, 64)
    before = float(x.square().mean())
    assert 0.5 < float(net[:-1](x).detach().square().mean()) / before < 2.0
