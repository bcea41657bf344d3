"""What the page is told and what it may change; the server lets nobody else in."""

import http.client
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import tilth as tl
from tilth.audit.review.projection import LEARNED, Maps
from tilth.audit.review.server import ReviewServer
from tilth.audit.review.session import Session
from tilth.audit.review.suspects import Suspect, copied, mislabelled, worst_errors
from tilth.data.decisions import Decision, in_force, read
from tilth.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)


@pytest.fixture
def session(tmp_path):
    data = tl.arrays(PIXELS, np.array(["cat", "dog"])[np.arange(60) % 2])
    suspects = [
        Suspect("label", 4, "doubt", (("dog", 0.9), ("cat", 0.1))),
        Suspect("label", 7, "doubt"),
        Suspect("copy", 10, "alike", (), 12),
    ]
    features = np.random.default_rng(1).normal(size=(60, 5))
    maps = Maps({"layer 1": features})
    return Session(data, tmp_path / "decisions.csv", suspects, np.arange(60), maps)


def test_decisions_are_on_the_disk_at_once_and_there_after_a_reload(session):
    session.decide({"rows": [4], "decision": "relabel", "label": " dog ", "kind": "label"})
    found = session.decide({"rows": [10, 12], "decision": "keep", "kind": "copy"})
    assert found["counts"] == {"relabel": 1, "keep": 2}
    item = session.data.item_id(4)
    (line,) = [one for one in read(session.decisions) if one.item == item]
    assert (line.decision, line.label, line.was, line.kind) == ("relabel", "dog", "cat", "label")
    again = Session(session.data, session.decisions, session.suspects, session.rows)
    assert again.state()["decided"] == found["decided"]
    assert found["decided"][4] == {"decision": "relabel", "label": "dog"}


def test_undo_takes_back_all_that_was_decided_at_once(session):
    session.decide({"rows": [4], "decision": "drop"})
    session.decide({"rows": [1, 2, 3], "decision": "relabel", "label": "owl"})
    assert session.labels() == ["cat", "dog", "owl"]
    before = session.decisions.read_bytes()
    found = session.undo()
    assert sorted(found["undone"]) == [1, 2, 3]
    assert found["decided"] == {4: {"decision": "drop", "label": ""}}
    assert found["labels"] == ["cat", "dog"]
    assert session.decisions.read_bytes().startswith(before)
    assert session.undo()["decided"] == {} == in_force(read(session.decisions))
    assert session.undo()["undone"] == []


def test_two_undos_at_once_take_back_two_batches(session, monkeypatch):
    session.decide({"rows": [1, 2], "decision": "drop"})
    session.decide({"rows": [4], "decision": "drop"})

    def late(*given):
        time.sleep(0.2)
        return Decision(*given)

    monkeypatch.setattr("tilth.audit.review.session.Decision", late)
    with ThreadPoolExecutor(2) as pool:
        found = [one.result()["undone"] for one in [pool.submit(session.undo) for _ in range(2)]]
    assert sorted(map(sorted, found)) == [[1, 2], [4]]
    assert session.decided() == {} == in_force(read(session.decisions))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rows": [], "decision": "keep"},
        {"rows": [99], "decision": "keep"},
        {"rows": ["4"], "decision": "keep"},
        {"rows": [True], "decision": "keep"},
        {"rows": [4], "decision": "undo"},
        {"rows": [4], "decision": "delete"},
        {"rows": [4], "decision": "relabel"},
        {"rows": [4, 5], "decision": "relabel", "labels": ["cat"]},
        {"rows": [4], "decision": "relabel", "labels": [3]},
        {"rows": [4], "decision": "relabel", "label": "a\nb"},
    ],
)
def test_what_is_no_decision_writes_nothing(session, body):
    with pytest.raises(UserError):
        session.decide(body)
    assert not session.decisions.exists()


def test_a_map_has_a_point_for_each_row_and_learns_from_labels(session):
    found = session.project("layer 1", 0, 1)
    points = np.array(found["points"])
    assert found["rows"] == list(range(60)) and np.abs(points).max() <= 1
    for name, x in (("layer 2", 0), ("layer 1", 5), ("layer 1", -1)):
        with pytest.raises(UserError):
            session.project(name, x, 1)
    with pytest.raises(UserError, match="too few labels"):
        session.learn()
    for label, rows in (("a", [0, 1, 2]), ("b", [3, 4, 5])):
        session.decide({"rows": rows, "decision": "relabel", "label": label})
    learned = session.learn()
    assert learned["map"] == LEARNED and len(learned["proposed"]) == 60
    assert session.state()["proposed"] == learned["proposed"]  # a page that is loaded again has it
    assert len(session.project(LEARNED, 0, 1)["points"]) == 60
    labels = ["a", "b"]
    session.decide({"rows": [6, 7], "decision": "relabel", "labels": labels})
    assert [session.decided()[row]["label"] for row in (6, 7)] == labels


def test_what_was_kept_is_learned_from_by_its_own_label(tmp_path):
    data = tl.arrays(PIXELS, np.array(["cat", "dog"])[np.arange(60) % 2])
    maps = Maps({"pixels": PIXELS.reshape(60, -1).astype(np.float32)})
    session = Session(data, tmp_path / "decisions.csv", [], np.arange(60), maps)
    session.decide({"rows": [0, 2], "decision": "keep", "kind": "label"})
    session.decide({"rows": [1, 3], "decision": "keep", "kind": "copy"})  # both, whatever they are
    session.decide({"rows": [5], "decision": "drop", "kind": "label"})
    with pytest.raises(UserError, match="too few labels"):
        session.learn()
    session.decide({"rows": [4, 6], "decision": "relabel", "label": "owl"})
    assert set(session.learn()["proposed"]) == {"cat", "owl"}


def test_suspects_are_said_in_words():
    data = tl.arrays(PIXELS, np.arange(60) % 2)
    rows = np.sort(np.concatenate(list(data.splits.values())))
    sure = np.eye(2)[data.targets[rows].numpy()] * 0.8 + 0.1
    sure[20] = sure[20, ::-1]
    (found,) = mislabelled(data, rows, sure)
    assert found.row == rows[20] and found.said[0][1] == 0.9 and "10" in found.why
    test, train = int(data.splits["test"][0]), [int(row) for row in data.splits["train"][:2]]
    from tilth.audit.review.near_copies import Copies

    pairs = np.sort(np.array([train, [train[0], test]]), axis=1)
    across, inside = copied(data, Copies(pairs, np.array([1.0, 0.98]), True, 3))
    assert (across.row, across.other) == (train[0], test) and "one in test" in across.why
    assert "equal pixel for pixel; both in train" in inside.why
    card = {"item": data.item_id(test), "true": "1", "predicted": "0"}
    card |= {"chance_true": 0.02, "chance_predicted": 0.98}
    audit = {"worst": [card, {**card, "item": "gone"}]}
    (error,) = worst_errors(data, audit)
    assert error.row == test and error.said == (("0", 0.98), ("1", 0.02))


@pytest.fixture
def served(session):
    with ReviewServer(session) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def asked(server, method, place, body=None, token=None, **headers):
    """Return status, headers and content of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    given = {"Content-Type": "application/json"} if body is not None else {}
    token = server.token if token is None else token
    connection.request(
        method,
        f"/{token}/{place}",
        body=None if body is None else json.dumps(body),
        headers={**given, **{name.replace("_", "-"): value for name, value in headers.items()}},
    )
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.headers), content


def test_the_page_and_its_parts_are_served_and_load_nothing_from_elsewhere(served):
    for place in ("", "page.css", "page.js", "map.js", "state"):
        status, headers, content = asked(served, "GET", place)
        assert status == 200
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert b"://" not in content
    status, _, content = asked(served, "GET", "picture/4")
    assert status == 200
    with Image.open(io.BytesIO(content)) as picture:
        assert (np.asarray(picture) == PIXELS[4]).all()


def test_only_who_knows_the_token_gets_in(served):
    for token in ("", "x", served.token[:-1], served.token + "x"):
        assert asked(served, "GET", "state", token=token)[0] == 404
        body = {"rows": [4], "decision": "drop"}
        assert asked(served, "POST", "decide", body, token=token)[0] == 404
    assert not served.session.decisions.exists()


def test_another_host_or_origin_is_refused(served):
    port = served.server_port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}"):
        assert asked(served, "GET", "state", Host=host)[0] == 403
    body = {"rows": [4], "decision": "drop"}
    assert asked(served, "POST", "decide", body, Origin="http://evil.example")[0] == 403
    assert asked(served, "POST", "decide", body, Content_Type="text/plain")[0] == 415
    assert not served.session.decisions.exists()
    own = f"http://127.0.0.1:{port}"
    assert asked(served, "POST", "decide", body, Origin=own)[0] == 200
    assert asked(served, "GET", "state", Host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    "place",
    ["../session.py", "picture/../../etc/passwd", "picture/99", "picture/-1", "picture/1.0", "page",
     "decisions.csv", "picture/%2e%2e", "map?name=x", "map?name=layer%201&x=0&y=a"],
)  # fmt: skip
def test_no_address_reads_anything_else(served, place):
    assert asked(served, "GET", place)[0] in (400, 404)


def test_a_post_that_is_no_decision_says_why(served):
    status, _, content = asked(served, "POST", "decide", {"rows": [99], "decision": "drop"})
    assert status == 400 and "rows of this data" in json.loads(content)["error"]
    assert asked(served, "POST", "undo", {})[0] == 200
    assert asked(served, "POST", "state", {})[0] == 404


def test_it_listens_on_this_machine_alone(served):
    assert served.server_address[0] == "127.0.0.1"
    with pytest.raises(UserError, match="cannot be listened on"):
        ReviewServer(served.session, port=served.server_port)


STREAM = np.random.default_rng(2)
TARGETS = {
    "multilabel": (np.arange(60)[:, None] % [2, 3, 5] == 0).astype(np.int64),
    "keypoints": STREAM.uniform(0, 7, (60, 2, 2)),
    "regress": 100.0 + np.arange(60),
}


@pytest.mark.parametrize(("task", "said"), [("multilabel", "0, 1"), ("keypoints", ""),
                                            ("regress", "106")])  # fmt: skip
def test_rows_with_other_targets_than_one_label_are_shown_kept_and_dropped(task, said, tmp_path):
    data = tl.arrays(PIXELS, TARGETS[task], task=task)
    maps = Maps({"pixels": PIXELS.reshape(60, -1).astype(np.float32)})
    suspects = [Suspect("copy", 6, "alike", (), 12)]
    session = Session(data, tmp_path / "decisions.csv", suspects, np.arange(60), maps)
    assert (
        session.state()["items"][6]["label"] == said == session.project("pixels", 0, 1)["labels"][6]
    )
    assert not session.state()["can_relabel"]
    with pytest.raises(UserError, match="'cat'; rows of this data do not have one label each"):
        session.decide({"rows": [6], "decision": "relabel", "label": "cat"})
    session.decide({"rows": [6], "decision": "drop"})
    (line,) = read(session.decisions)
    assert (line.item, line.was) == (data.item_id(6), said)
    left = data.apply(session.decisions).splits.values()
    assert set(np.concatenate(list(left)).tolist()) == set(range(60)) - {6}
