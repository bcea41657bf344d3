"""A person at the page: keys, undo, reload, pairs, a lasso; in a real browser."""

import re
import time

import numpy as np
import pytest

import tilth as tl
from tests.audit.review.browser import page_of
from tilth.audit.review.projection import LEARNED, Maps
from tilth.audit.review.session import Session
from tilth.audit.review.suspects import Suspect
from tilth.data.dataset import BadItem
from tilth.data.decisions import in_force, read

PIXELS = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)


def session_of(folder, labels=("cat", "dog", "kite")):
    data = tl.arrays(PIXELS, np.array(labels)[np.arange(60) % len(labels)])
    data.bad_items.append(BadItem("<b>broken</b>.png", "it is cut short"))
    suspects = [
        Suspect("label", 4, "doubt one", ((labels[1], 0.9), (labels[0], 0.1))),
        Suspect("label", 7, "doubt two"),
        Suspect("label", 9, "doubt three"),
        Suspect("copy", 10, "alike", (), 12),
    ]
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 10), np.linspace(-1, 1, 6)), -1).reshape(-1, 2)
    return Session(data, folder / "decisions.csv", suspects, np.arange(60), Maps({"net": grid}))


def decided(session):
    if not session.decisions.exists():
        return {}
    rows = {session.data.item_id(row): row for row in range(60)}
    found = in_force(read(session.decisions))
    return {rows[item]: (one.decision, one.label) for item, one in found.items()}


def text(page, name):
    return page.inner_text(f"#{name}")


def shows(page, name, wanted):
    """Wait until an element's text holds what is wanted."""
    page.locator(f"#{name}").filter(has_text=wanted).wait_for()


def test_suspects_are_decided_by_keyboard_and_shown_again_after_a_reload(tmp_path):
    session = session_of(tmp_path)
    with page_of(session) as page:
        assert text(page, "count") == "1 of 3" and "doubt one" in text(page, "why")
        assert "90.0 %" in text(page, "said")
        drawn = "(img) => img.decode().then(() => img.naturalWidth)"
        assert page.locator("#pictures img").evaluate(drawn) == 8
        page.keyboard.press("2")  # the second label
        shows(page, "count", "2 of 3")
        assert decided(session) == {4: ("relabel", "dog")}
        page.keyboard.press("d")
        shows(page, "count", "3 of 3")
        page.keyboard.press("k")
        shows(page, "progress", "1 kept")
        assert decided(session)[9] == ("keep", "")
        page.keyboard.press("u")
        shows(page, "progress", "0 kept")
        page.keyboard.press("/")  # k is taken by keep
        page.keyboard.type("ki")
        assert page.inner_text("#choices button") == "3 kite"
        page.keyboard.press("Enter")
        shows(page, "verdict", "now kite")
        page.keyboard.press("ArrowLeft")
        assert text(page, "verdict") == "dropped"
        page.keyboard.press("ArrowLeft")
        assert text(page, "verdict") == "now dog"
        page.reload()
        page.wait_for_selector("body[data-ready]")
        assert text(page, "progress") == "2 relabelled, 1 dropped, 0 kept"
        assert "3/3" in page.inner_text("#tabs")
    assert decided(session) == {4: ("relabel", "dog"), 7: ("drop", ""), 9: ("relabel", "kite")}


def late(route):
    """Let the server answer when a quick person has gone on."""
    time.sleep(0.3)
    route.continue_()


def lasso(page, low, high):
    """Draw a line round what lies between two shares of the map's width."""
    box = page.locator("#plane").bounding_box()
    corners = [(low, 0.01), (high, 0.01), (high, 0.99), (low, 0.99)]
    spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*spots[0])
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*spot, steps=4)
    page.mouse.up()


def test_quick_keys_wait_for_their_turn(tmp_path):
    session = session_of(tmp_path)
    with page_of(session) as page:
        page.route("**/decide", late)
        page.keyboard.type("kd")
        page.keyboard.press("ArrowLeft")  # back to the second one, which was dropped
        page.keyboard.type("i")  # a letter that is no key begins a label
        shows(page, "progress", "1 dropped, 1 kept")
        shows(page, "count", "2 of 3")
        assert page.input_value("#wanted") == "i"
        page.click("#drop")
        page.click("[data-kind=copy]")  # the drop is in flight
        shows(page, "count", "1 of 1")
        assert page.input_value("#wanted") == ""
    assert decided(session) == {4: ("keep", ""), 7: ("drop", "")}


def test_a_key_that_is_held_decides_once(tmp_path):
    session = session_of(tmp_path)
    with page_of(session) as page:
        for _ in range(3):
            page.keyboard.down("k")  # the second and third are repeats
        page.keyboard.up("k")
        shows(page, "count", "2 of 3")
        page.keyboard.press("d")
        shows(page, "count", "3 of 3")
    assert decided(session) == {4: ("keep", ""), 7: ("drop", "")}


def test_a_pair_is_side_by_side_and_either_can_be_dropped(tmp_path):
    session = session_of(tmp_path)
    with page_of(session) as page:
        page.click("[data-kind=copy]")
        assert page.locator("#pictures figure").count() == 2
        boxes = [page.locator("#pictures img").nth(place).bounding_box() for place in (0, 1)]
        assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
        page.keyboard.press("x")
        page.keyboard.press("d")
        shows(page, "progress", "1 dropped")
        assert decided(session) == {12: ("drop", "")}
        page.keyboard.press("u")
        shows(page, "progress", "0 dropped")
        page.click("[data-kind=aside]")
        assert text(page, "bad") == "<b>broken</b>.png: it is cut short"
    assert decided(session) == {}


def test_a_lasso_selects_prunes_and_labels(tmp_path):
    session = session_of(tmp_path)
    with page_of(session) as page:
        page.click("[data-kind=map]")
        page.wait_for_selector("[data-shown='net 0 1']", state="attached")
        assert text(page, "key").split() == ["cat", "dog", "kite"]
        hues = "(one) => getComputedStyle(one, '::before').backgroundColor"
        named = page.locator("#key span")
        assert len({named.nth(place).evaluate(hues) for place in range(3)}) == 3
        found = session.project("net", 0, 1)
        points = np.array(found["points"])
        left = [row for row, (x, _) in zip(found["rows"], points, strict=True) if x < 0]
        lasso(page, 0.01, 0.5)
        assert text(page, "selected") == f"{len(left)} selected" and len(left) == 30
        page.locator("#thumbs button").nth(3).click()  # a click takes it out again
        page.locator("#thumbs button").nth(0).click()
        assert text(page, "selected") == "28 selected"
        page.fill("#lassoed", "owl")
        page.press("#lassoed", "Enter")
        shows(page, "progress", "28 relabelled")
        assert text(page, "key").split() == ["cat", "dog", "kite", "owl"]
        pruned = {left[0], left[3]}
        assert decided(session) == {row: ("relabel", "owl") for row in left if row not in pruned}
        (kind,) = {one.kind for one in read(session.decisions)}
        assert kind == "projection"
        page.keyboard.press("u")  # the box is left, so that it is the key
        shows(page, "progress", "0 relabelled")
        assert page.input_value("#lassoed") == ""
    assert decided(session) == {}


def test_acts_on_the_map_wait_for_their_turn(tmp_path):
    session = session_of(tmp_path)
    with page_of(session) as page:
        page.route("**/decide", late)
        page.click("[data-kind=map]")
        page.wait_for_selector("[data-shown='net 0 1']", state="attached")
        for low, high, label in ((0.01, 0.5, "owl"), (0.5, 0.99, "fox")):
            lasso(page, low, high)
            page.fill("#lassoed", label)
            page.press("#lassoed", "Enter")
            page.press("#lassoed", "Enter")  # gives nothing a second time
        page.click("#learn")  # from both labels
        page.wait_for_selector(f"[data-shown='{LEARNED} 0 1']", state="attached")
        found = decided(session)
        assert sorted(label for _, label in found.values()) == ["fox"] * 30 + ["owl"] * 30
        assert len(read(session.decisions)) == 60
        page.click("#unlasso")
        shows(page, "progress", "30 relabelled")
        lasso(page, 0.01, 0.99)
        page.fill("#lassoed", "hen")
        page.press("#lassoed", "Enter")
        with page.expect_response("**/undo"):
            page.click("#unlasso")  # what is in flight
        assert {label for _, label in decided(session).values()} == {"owl"}


def test_a_selection_that_could_not_be_labelled_is_selected_still(tmp_path):
    session = session_of(tmp_path)
    with page_of(session) as page:
        page.route("**/decide", lambda route: route.fulfill(body="no answer"))
        page.click("[data-kind=map]")
        page.wait_for_selector("[data-shown='net 0 1']", state="attached")
        lasso(page, 0.01, 0.5)
        page.fill("#lassoed", "owl")
        page.press("#lassoed", "Enter")
        page.wait_for_selector("#error:visible")
        shows(page, "selected", "30 selected")
        page.unroute("**/decide")
        page.press("#lassoed", "Enter")
        shows(page, "progress", "30 relabelled")
    assert {label for _, label in decided(session).values()} == {"owl"}


def test_a_map_that_comes_late_is_not_shown_for_another(tmp_path):
    session, stream = session_of(tmp_path), np.random.default_rng(2)
    session.maps = Maps({name: stream.normal(size=(60, 3)) for name in ("slow", "fast", "net")})
    held = []
    with page_of(session) as page:
        page.route(re.compile(r"map\?name=slow&"), lambda route: held.append(route))
        page.click("[data-kind=map]")
        page.wait_for_selector("[data-shown='net 0 1']", state="attached")
        page.select_option("#layer", "slow")
        page.select_option("#layer", "fast")
        page.wait_for_selector("[data-shown='fast 0 1']", state="attached")
        lasso(page, 0.01, 0.99)
        chosen = text(page, "selected")
        with page.expect_response(re.compile("name=slow&")) as answer:
            held[0].continue_()
        answer.value.finished()
        page.wait_for_timeout(300)
        assert page.evaluate("chart.points") == session.project("fast", 0, 1)["points"]
        assert text(page, "selected") == chosen and "selected" in chosen
        assert page.input_value("#layer") == "fast"


def test_an_act_whose_tab_was_left_before_its_turn_breaks_nothing(tmp_path):
    session = session_of(tmp_path)
    with page_of(session) as page:
        page.route("**/decide", late)
        page.keyboard.press("k")
        page.click("[data-kind=map]")  # waits for its turn
        page.keyboard.press("ArrowRight")
        page.keyboard.press("u")  # of what was kept, on the map by then
        shows(page, "progress", "0 kept")
        page.wait_for_selector("[data-shown='net 0 1']", state="attached")
        assert page.locator("#review").is_hidden()
        page.click("[data-kind=label]")
        assert text(page, "verdict") == "" and text(page, "count") == "2 of 3"
    assert decided(session) == {}


def test_a_label_that_could_not_be_saved_is_still_there(tmp_path):
    session = session_of(tmp_path)
    with page_of(session) as page:
        page.route("**/decide", lambda route: route.fulfill(body="no answer"))
        page.keyboard.press("/")
        page.keyboard.type("ostrich")
        page.keyboard.press("Enter")
        page.locator("#error").wait_for()
        assert page.input_value("#wanted") == "ostrich" and text(page, "count") == "1 of 3"


def test_what_is_selected_stays_so_on_another_map(tmp_path):
    session = session_of(tmp_path)
    grid = session.maps.points("net", 0, 1)
    session.maps = Maps({"net": grid, "more": grid[::-1]})
    with page_of(session) as page:
        page.click("[data-kind=map]")
        page.wait_for_selector("[data-shown='more 0 1']", state="attached")
        page.evaluate("chart.chosen = [3, 4]; drawChosen()")
        page.select_option("#layer", "net")
        page.wait_for_selector("[data-shown='net 0 1']", state="attached")
        assert text(page, "selected") == "2 selected"


def test_the_map_has_no_colours_for_pictures_without_one_label_each(tmp_path):
    there = np.random.default_rng(1).integers(0, 2, (60, 3))
    data = tl.arrays(PIXELS, there, task="multilabel")
    maps = Maps({"net": np.random.default_rng(2).normal(size=(60, 2))})
    session = Session(data, tmp_path / "decisions.csv", [], np.arange(60), maps)
    with page_of(session) as page:
        page.wait_for_selector("[data-shown='net 0 1']", state="attached")
        assert text(page, "key") == ""
        assert (
            page.evaluate("new Set(chart.rows.map((_, place) => hueOf(labelOf(place)))).size") == 1
        )


def test_a_page_that_is_loaded_again_has_the_learned_map_and_its_proposals(tmp_path):
    session = session_of(tmp_path)
    for label, rows in (("owl", [0, 1, 2]), ("emu", [3, 4, 5])):
        session.decide({"rows": rows, "decision": "relabel", "label": label})
    session.decide({"rows": [6, 7], "decision": "drop"})
    session.learn()
    with page_of(session) as page:
        page.click("[data-kind=map]")
        page.wait_for_selector("[data-shown='learned from your labels 0 1']", state="attached")
        assert set(text(page, "key").split()) <= {"owl", "emu"} and page.is_visible("#propose")
        assert page.evaluate("shown().length") == 60 - 8
        page.uncheck("#hide")  # what was dropped is not there for a label
        assert page.evaluate("shown().length") == 60 - 2


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(tmp_path, width):
    with page_of(session_of(tmp_path), width=width) as page:
        for kind in ("label", "copy", "map", "aside"):
            page.click(f"[data-kind={kind}]")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#plane").count() == 1
