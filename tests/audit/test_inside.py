"""What the report shows of the inside of picture models, on small nets whose inside is known."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import tilth as tl
from tilth.audit import seen_pictures
from tilth.audit.heat_strips import overlaid, red_and_blue
from tilth.audit.inside import inside
from tilth.audit.layers import first_layer, statistics
from tilth.audit.robustness import FEWEST, LONGER, MOST, PASSES, still_right
from tilth.audit.seen_pictures import for_looking, multiplications, seen
from tilth.nn.attack import Ball
from tilth.nn.auxiliary import AuxiliaryHeads
from tilth.nn.body_head import BodyHead
from tilth.tasks._training import outputs

DIGITS = load_digits()
PIXELS = np.round(DIGITS.images * (255 / 16)).astype(np.uint8)
TITLES = [
    "Where it looks",
    "Small changes made on purpose",
    "Before the head",
    "The first layer",
    "Layer by layer",
]


def learner(pixels=PIXELS[:700], targets=DIGITS.target[:700], model="small_resnet", **more):
    small = {"width": 8} if isinstance(model, str) and model == "small_resnet" else {}
    return tl.Learner(
        tl.arrays(pixels, targets), model, model_arguments=small, device="cpu", quiet=True, **more
    )


def sections(learn, temperature=1.0):
    test = outputs(learn.setup(), "test")
    found = inside(learn.task, learn.setup(), test, temperature, seed=0)
    return {one.title: one for one in found}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inside")
    learn = learner(run=folder / "run", epochs=4, lr=0.01, dtype="bfloat16", channels_last=True)
    return learn, learn.fit()


def test_a_run_on_pictures_has_all_sections_and_says_what_is_left_unchecked(trained):
    learn, run = trained
    page = run.report().read_text()
    found = json.loads((run.path / "audit.json").read_text())
    assert [one["title"] for one in found["sections"]] == TITLES
    for one in found["sections"]:
        assert f'<a href="#{one["anchor"]}">' in page and one["lines"][0][:40] in page
    (robust,) = [line for line in found["not_checked"] if line.startswith("Robustness")]
    assert "small attacks" not in robust and "made for this net" in robust
    assert sum(line.startswith("Reasons") for line in found["not_checked"]) == 1
    assert not any(module._forward_hooks for module in learn.model.modules())
    assert all(parameter.requires_grad for parameter in learn.model.parameters())


def test_the_errors_shown_are_the_worst_with_both_maps_and_their_pixels(trained):
    learn, run = trained
    audit = run.audit()
    part = sections(learn, audit["temperature"]["value"])["Where it looks"]
    captions = [tile["caption"] for strip in part.strips for tile in strip["shown"]]
    worst = audit["worst"][0]
    start = f"said {worst['predicted']} ("
    assert captions[0].startswith(start) and captions[0].endswith(f"true {worst['true']}")
    assert captions[1:4] == [
        f"for {worst['predicted']}",
        f"for true {worst['true']}",
        f"pixels for {worst['predicted']}",
    ]
    assert "A map of 4 x 4 cells" in part.lines[0]


def test_the_table_of_attacks_is_what_attacks_find_and_never_above_the_plain_score(trained):
    learn, _ = trained
    part = sections(learn)["Small changes made on purpose"]
    assert part.table is not None
    shares = {
        row[0]: [float(text.split(" %")[0]) for text in row[2:]] for row in part.table["rows"]
    }
    count = int(part.lines[0].split()[1])
    assert count == min(MOST, len(learn.data.splits["test"]))
    for small, large in (shares["FGSM"], shares["PGD"], shares["Square"]):
        assert large <= small <= shares["as they are"][0]
    assert shares["PGD"][1] <= shares["FGSM"][1] <= shares["random signs"][1]


def test_a_linear_net_falls_when_the_radius_times_its_weights_exceeds_the_margin():
    """Two classes by one pixel: margin 2 w (x - 1/2), so the nearest row falls at |x - 1/2|."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    net[1].weight.data = torch.tensor([[-1.0], [1.0]])
    net[1].bias.data = torch.tensor([0.5, -0.5])
    inputs = torch.linspace(0.53, 0.98, 10)[:, None, None, None]
    classes = torch.ones(10, dtype=torch.int64)
    found = still_right(net, inputs, classes, Ball(0.2), seed=0)
    assert found["FGSM"] == found["PGD"] == found["EOT"] == found["Square"] == pytest.approx(0.6)
    assert 0.6 <= found["random signs"] <= 1


def test_statistics_count_dead_units_and_what_flows_back():
    net = BodyHead(nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.ReLU()), nn.Linear(4, 10))
    torch.manual_seed(0)
    net.body[1].bias.data = torch.tensor([100.0, -100.0, 100.0, -100.0])
    learn = learner(model=net)
    looked = seen(learn.task, learn.setup(), learn.data.splits["test"])
    inputs, targets = looked.taken(looked.rows[:20])
    found = {one["name"]: one for one in statistics(looked, inputs, targets)}
    assert list(found) == ["body.1", "body.2", "head"]
    assert found["body.2"]["dead"] == "2 of 4" and found["head"]["dead"] == "-"
    with torch.no_grad():
        given = net.body(inputs)
        chances = net.head(given).softmax(1).double()
    assert found["body.2"]["mean"] == pytest.approx(float(given.mean()), rel=1e-5)
    chances[range(20), targets] -= 1  # the gradient of cross entropy, over 20 rows
    wanted = float((chances / 20).square().mean().sqrt())
    assert found["head"]["gradient"] == pytest.approx(wanted, rel=1e-4)


def test_a_dense_net_has_pixels_alone_and_no_filters():
    found = sections(learner(model="mlp"))
    assert "no Grad-CAM" in found["Where it looks"].lines[0]
    assert "The first layer" not in found and "Layer by layer" in found
    net = for_looking(learner(model="mlp").model)
    assert isinstance(first_layer(net, torch.zeros(1, 1, 8, 8)), nn.Linear)


def test_numbers_have_maps_and_no_attacks():
    found = sections(learner(targets=DIGITS.images[:700].mean((1, 2))))
    assert "Small changes made on purpose" not in found
    captions = [tile["caption"] for tile in found["Where it looks"].strips[0]["shown"]]
    assert captions[0].startswith("said ") and ", true " in captions[0]
    assert len(found["Where it looks"].strips[0]["shown"]) == 6  # two cases of three tiles


def test_tables_have_none_of_it():
    rows = np.random.default_rng(0).normal(size=(200, 3))
    learn = tl.Learner(tl.arrays(rows, rows[:, 0] > 0), quiet=True, device="cpu")
    assert sections(learn) == {}


def test_a_net_that_is_too_large_for_a_look_is_spared_it(monkeypatch):
    learn = learner()
    looked = seen(learn.task, learn.setup(), learn.data.splits["test"])
    work = multiplications(looked.net, looked.taken(looked.rows[:1])[0])
    monkeypatch.setattr(seen_pictures, "BUDGET", 12.5 * 6 * work)
    found = sections(learn)
    assert "Small changes made on purpose" not in found
    tiles = [tile["caption"] for strip in found["Where it looks"].strips for tile in strip["shown"]]
    assert not any(caption.startswith("pixels") for caption in tiles)
    monkeypatch.setattr(seen_pictures, "BUDGET", work)
    assert "Where it looks" not in sections(learn)


def test_products_are_counted():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 5))
    assert multiplications(net, torch.zeros(4, 1, 5, 5)) == 2 * 9 * 9 + 18 * 5


def test_the_copy_that_is_looked_at_is_not_compiled_and_works_beside_not_in_place():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True)).to(torch.bfloat16)
    net._compiled_call_impl = net._call_impl  # what net.compile() sets
    found = for_looking(net)
    assert found._compiled_call_impl is None and not found[1].inplace and net[1].inplace
    assert found[0].weight.dtype == torch.float32 and not found[0].weight.requires_grad


def test_maps_are_drawn_from_dark_to_bright_and_shares_from_blue_to_red():
    pictures, heat = torch.zeros(1, 1, 2, 2), torch.tensor([[[0.0, 1.0], [2.0, 4.0]]])
    shades = overlaid(pictures, heat).sum(1)[0].flatten()
    assert torch.equal(shades.argsort(), torch.arange(4))
    colours = red_and_blue(torch.tensor([[[2.0, -2.0], [0.0, 1.0]]]))[0]
    red, _, blue = colours.flatten(1)
    assert red[0] == 1 and blue[0] == 0 and red[1] == 0 and blue[1] == 1
    assert red[2] == blue[2] == red[3] == 1 and 0 < blue[3] < 1


class BodyAndFc(nn.Module):
    """A net whose last layer is not called head."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU())
        self.fc = nn.Linear(16, 10)

    def forward(self, pictures):
        return self.fc(self.body(pictures))


class PooledBetween(nn.Module):
    """A net that does something of its own between its body and its head."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Conv2d(1, 8, 3), nn.Linear(8, 10)

    def forward(self, pictures):
        return self.head(self.body(pictures).relu().mean((2, 3)))


@pytest.mark.parametrize("net", [BodyAndFc, PooledBetween])
def test_a_net_of_the_users_own_with_a_layer_called_body_is_looked_at(net):
    found = sections(learner(model=net()))
    assert "Before the head" not in found
    assert {"Where it looks", "Layer by layer", "Small changes made on purpose"} <= set(found)


class NumberOfPixels(nn.Module):
    """A convolution, and one number a row without a second dimension."""

    def __init__(self, body, head):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, pictures):
        return self.head(self.body(pictures)).squeeze(1)


def test_a_net_that_gives_one_number_a_row_without_a_second_dimension_is_looked_at(tmp_path):
    body = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net, brightness = NumberOfPixels(body, nn.Linear(8, 1)), DIGITS.images[:700].mean((1, 2))
    run = learner(targets=brightness, model=net, epochs=1, lr=0.01, run=tmp_path / "run").fit()
    assert "Where it looks" in [one["title"] for one in run.audit()["sections"]]
    found = sections(learner(targets=brightness, model=net))
    twin = sections(learner(targets=brightness, model=BodyHead(net.body, net.head)))
    assert found["Where it looks"].strips == twin["Where it looks"].strips
    assert set(twin) - set(found) == {"Before the head"}
    (line,) = twin["Before the head"].lines
    assert "its true value" in line and "class" not in line.lower() and "ring" not in line


def test_the_map_before_the_head_is_there_with_auxiliary_heads():
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU())
    net = AuxiliaryHeads(body, nn.Linear(16, 10), {"1": nn.Linear(16, 10)}, weight=0.3)
    (line,) = sections(learner(model=net))["Before the head"].lines
    assert "its true class" in line and line.endswith("Wrong answers have a black ring.")


def test_changes_made_to_last_are_aimed_at_the_moved_pictures_too():
    """Of two pixels the net sees the right one; moved to the right it sees the left one."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    net[1].weight.data = torch.tensor([[0.0, -1.0], [0.0, 1.0]])
    net[1].bias.data = torch.tensor([0.5, -0.5])
    left, seen_one = torch.linspace(0.51, 0.97, 20), torch.linspace(0.99, 0.53, 20)
    inputs = torch.stack([left, seen_one], 1)[:, None, None]
    found = still_right(net, inputs, torch.ones(20, dtype=torch.int64), Ball(0.2), seed=0)
    shares = [float((one > 0.7).float().mean()) for one in (left, seen_one)]
    assert found["PGD"] == pytest.approx(shares[1])
    assert found["EOT"] == pytest.approx((shares[0] + 2 * shares[1]) / 3)


def test_what_being_moved_costs_without_an_attack_has_a_row_of_its_own():
    """The net sees the right pixel; moved to the right, that is the left one, which is wrong."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    net[1].weight.data = torch.tensor([[0.0, -1.0], [0.0, 1.0]])
    net[1].bias.data = torch.tensor([0.5, -0.5])
    inputs, classes = torch.tensor([[[[0.2, 0.9]]]] * 20), torch.ones(20, dtype=torch.int64)
    found = still_right(net, inputs, classes, Ball(0.0), seed=0)
    assert found["moved"] == found["EOT"] == pytest.approx(2 / 3)
    assert found["random signs"] == found["PGD"] == 1.0


def test_the_usual_net_for_small_colour_pictures_is_attacked_on_enough_of_them():
    pictures = np.zeros((60, 32, 32, 3), dtype=np.uint8)
    learn = tl.Learner(tl.arrays(pictures, np.arange(60) % 10), quiet=True)
    rows = np.arange(60)
    found = seen(learn.task, learn.setup(), rows)
    assert found.affordable(PASSES / LONGER, len(rows)) >= FEWEST
