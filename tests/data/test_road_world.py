"""The road world against geometry written out point by point, and its scripted driver."""

import math

import pytest
import torch

from tilth.data.road import HALF_WIDTH, PARTING, Road
from tilth.data.road_world import METRES, SHARPEST, RoadDriver, RoadWorld, before_islands
from tilth.errors import UserError
from tilth.train.state import pack, unpack


def road(copies=3, length=700.0, seed=0):
    return Road.drawn(copies, length, torch.Generator().manual_seed(seed))


def middle_slowly(one, copy, y):
    parts = (one.amplitudes[copy], one.wave_numbers[copy], one.phases[copy])
    waves = zip(*(part.tolist() for part in parts), strict=True)
    return sum(height * math.sin(number * y + phase) for height, number, phase in waves)


def test_the_middle_is_a_sum_of_sines_and_the_slope_its_derivative():
    one, y = road(), torch.linspace(0, 600, 25).expand(3, 25)
    found, slope = one.middle(y), one.slope(y)
    for copy in range(3):
        for place, at in enumerate(y[copy].tolist()):
            assert float(found[copy, place]) == pytest.approx(
                middle_slowly(one, copy, at), abs=2e-3
            )
            ahead, behind = (middle_slowly(one, copy, at + step) for step in (1e-3, -1e-3))
            assert float(slope[copy, place]) == pytest.approx((ahead - behind) / 2e-3, abs=1e-3)
    assert slope.abs().max() < 0.6


def test_the_road_parts_around_islands_and_only_there():
    one = road()
    y = torch.arange(0.0, 700.0, 0.5).expand(3, -1)
    near = (y[:, :, None] - one.islands[:, None]).abs().min(2).values
    parting = one.parting(y)
    assert (parting[near > 20.1] == 0).all()
    assert (parting[near < 5.9] == PARTING).all()
    between = parting[(near > 6.1) & (near < 19.9)]
    assert ((between > 0) & (between < PARTING)).all()
    halfway = one.parting(one.islands + 13.0)
    torch.testing.assert_close(halfway, torch.full_like(halfway, PARTING / 2), rtol=1e-4, atol=0)


def test_the_way_keeps_to_one_branch_and_is_on_the_road():
    one = road()
    y = torch.arange(0.0, 650.0, 0.5).expand(3, -1)
    assert one.offset(one.way(y), y).max() < 1e-3
    beside = one.way(one.islands) - one.middle(one.islands)
    assert torch.equal(torch.sign(beside), one.sides)


def test_the_middle_of_an_island_is_off_the_road_and_both_sides_are_on_it():
    one = road()
    stretch = torch.sqrt(1 + one.slope(one.islands) ** 2)
    for aside, on in ((0.0, False), (PARTING, True), (-PARTING, True), (7.0, False)):
        offset = one.offset(one.middle(one.islands) + aside * stretch, one.islands)
        assert (
            bool((offset < HALF_WIDTH).all()) is on and bool((offset > HALF_WIDTH).any()) is not on
        )


def test_a_car_drives_in_circles_of_the_radius_that_it_steers():
    world = RoadWorld(copies=2, length=1e6)
    world.road.amplitudes.zero_()
    world.x, world.heading = torch.zeros(2), torch.zeros(2)
    steer = torch.tensor([[0.05 / SHARPEST], [-0.02 / SHARPEST]])
    for steps in range(1, 9):  # then the sharper one leaves the road
        world.step(steer)
        for copy, curvature in enumerate((0.05, -0.02)):
            angle = curvature * METRES * steps
            wanted = ((1 - math.cos(angle)) / curvature, math.sin(angle) / curvature)
            found = (float(world.x[copy]), float(world.y[copy]))
            assert found == pytest.approx(wanted, abs=2e-3)
            assert float(world.heading[copy]) == pytest.approx(angle, abs=1e-6)


class OnCard:
    """Actions as they lie on a graphics card: nothing is reckoned with them before they move."""

    def __init__(self, actions):
        self.actions = actions

    def detach(self):
        return self

    def cpu(self):
        return self.actions


def test_actions_come_from_any_device():
    steer = torch.tensor([[0.5], [-0.25]])
    stepped = [RoadWorld(copies=2).step(one) for one in (steer, OnCard(steer))]
    assert torch.equal(stepped[0].observations, stepped[1].observations)


@pytest.mark.parametrize("given", [{"length": -3.0}, {"length": math.inf}, {"height": 0}])
def test_a_road_that_cannot_be_is_told(given):
    with pytest.raises(UserError, match=f"{next(iter(given))}="):
        RoadWorld(2, **given)
    with pytest.raises(UserError, match="copies=0"):
        RoadWorld(0)


def test_every_pixel_is_the_ground_that_a_flat_camera_sees():
    """Colour by colour: asphalt inside, white at the edge, green outside, where no blend is."""
    world = RoadWorld(copies=1)
    world.y[:] = world.road.islands[0, 0] - 25.0
    world.x[:] = world.road.middle(world.y[:, None])[:, 0] + 0.7
    world.heading[:] = 0.2
    picture, seen = world.view()[0].float(), {"asphalt": 0, "white": 0, "grass": 0}
    for row in range(0, world.height, 3):
        dip = 2.0 / 40.0 + (2.0 / 2.5 - 2.0 / 40.0) * row / (world.height - 1)
        ahead = 2.0 / dip
        for column in range(0, world.width, 5):
            right = ahead * (-1.2 + 2.4 * column / (world.width - 1))
            x = float(world.x) + ahead * math.sin(0.2) + right * math.cos(0.2)
            y = float(world.y) + ahead * math.cos(0.2) - right * math.sin(0.2)
            point = (torch.tensor([[x]]), torch.tensor([[y]]))
            inside, blend = HALF_WIDTH - float(world.road.offset(*point)), ahead * 2.4 / 64
            red, green, blue = picture[:, row, column].tolist()
            if inside > 0.3 + blend:
                seen["asphalt"] += 1
                assert (red, green, blue) == (95, 95, 105)
            elif inside < -blend:
                seen["grass"] += 1
                assert green > 1.5 * red and green > 1.5 * blue
            elif blend < inside < 0.3 - blend:
                seen["white"] += 1
                assert (red, green, blue) == (235, 235, 225)
    assert min(seen.values()) >= 1, seen


def test_who_knows_the_way_stays_on_ten_roads_and_takes_its_branches():
    world = RoadWorld(copies=10, length=600.0)
    world.reset(7)
    driver, worst = RoadDriver(world), 0.0
    for _ in range(500):
        stepped = world.step(driver.act(None, generator=None, explore=0.0).actions)
        assert not stepped.terminated.any()
        aside = world.road.way(world.y[:, None]) - world.x[:, None]
        worst = max(worst, float(aside.abs().max()))
    assert worst < 1.2


def test_straight_on_leads_into_the_island_or_off_the_road_and_a_new_road_begins():
    world = RoadWorld(copies=4, length=600.0)
    world.reset(3)
    before, left = world.road.islands.clone(), torch.zeros(4, dtype=torch.bool)
    for _ in range(200):
        stepped = world.step(torch.zeros(4, 1))
        if stepped.terminated.any():
            ended = stepped.terminated
            assert torch.equal(stepped.finals[~ended], stepped.observations[~ended])
            assert not torch.equal(stepped.finals[ended], stepped.observations[ended])
            assert (world.y[ended] == 0).all() and (world.offset()[ended] < 1e-5).all()
            left |= ended
    assert left.all()
    assert not (world.road.islands == before).any()


def test_the_end_of_the_road_is_a_cut_and_no_end():
    world = RoadWorld(copies=1, length=30.0)
    driver, gained = RoadDriver(world), 0.0
    while True:
        stepped = world.step(driver.act(None, generator=None, explore=0.0).actions)
        gained += float(stepped.rewards)
        if stepped.ended.any():
            break
    assert bool(stepped.truncated) and not bool(stepped.terminated)
    assert 30.0 <= gained < 31.0
    world.y[:], world.x[:], world.heading[:] = 29.9, 99.0, 0.0
    stepped = world.step(torch.zeros(1, 1))
    assert bool(stepped.terminated) and not bool(stepped.truncated)


def test_it_goes_on_to_the_bit():
    worlds = [RoadWorld(copies=3, length=60.0), RoadWorld(copies=3, length=60.0)]
    draw = torch.Generator().manual_seed(0)
    steer = torch.rand(120, 3, 1, generator=draw) - 0.5
    for actions in steer[:70]:
        worlds[0].step(actions)
    worlds[1].load_state_dict(unpack(*pack(worlds[0].state_dict())))
    assert torch.equal(worlds[0].seen, worlds[1].seen)
    for actions in steer[70:]:
        for one, other in zip(*(world.step(actions) for world in worlds), strict=True):
            assert torch.equal(one, other)


def test_cars_can_be_put_where_straight_roads_begin_to_part():
    """A little further on the road is wider than here, and the driver has chosen a side."""
    world = RoadWorld(8, length=300.0)
    world.reset(1)
    seen = before_islands(world)
    assert torch.equal(seen, world.view()) and torch.equal(seen, world.seen)
    y = world.y[:, None]
    assert world.road.parting(y).abs().max() < 1e-3 < world.road.parting(y + 1.0).min()
    assert torch.equal(world.road.middle(y), torch.zeros_like(y))
    steered = RoadDriver(world).act(None, generator=None, explore=0.0).actions[:, 0]
    assert torch.equal(torch.sign(steered), world.road.sides[:, 0])
