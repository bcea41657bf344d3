"""A run is reviewed: suspects, decisions, training with them, and what is refused."""

import dataclasses
import json
import re
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

import tilth as tl
from tests.cli.calling import FAST, call
from tilth.audit.review.projection import BY_UMAP
from tilth.data.decisions import read
from tilth.data.folds import fold_rows
from tilth.errors import UserError
from tilth.flow import review
from tilth.flow.out_of_fold import out_of_fold
from tilth.flow.phase import recorded_plans
from tilth.flow.review import following, open_review, summary


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a run on dark and light pictures: two in the wrong folder, one there twice."""
    place = tmp_path_factory.mktemp("review")
    folder, stream = place / "shades", np.random.default_rng(0)
    for label, level in (("dark", 60), ("light", 190)):
        (folder / label).mkdir(parents=True)
        for number in range(40):
            pixels = np.clip(stream.normal(level, 30, (12, 12)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    for number in (3, 8):
        (folder / "dark" / f"{number}.png").rename(folder / "light" / f"moved-{number}.png")
    with Image.open(folder / "light" / "5.png") as picture:
        picture.point(lambda value: 0.9 * value).save(folder / "light" / "again.png")
    words = ("--model", "mlp", *FAST, "--size", "12", "-q")
    code, _, err = call("train", folder, "-o", place / "run", *words)
    assert code == 0, err
    return place


@pytest.fixture
def run(trained, tmp_path):
    shutil.copytree(trained / "run", tmp_path / "run")
    return tmp_path / "run"


def test_suspects_are_found_decided_and_trained_with(run, trained):
    session = open_review(run, folds=3, epochs=20, quiet=True)
    names = {one.kind: set() for one in session.suspects}
    state = session.state()
    for one in session.suspects:
        names[one.kind].add(state["items"][one.row]["item"])
    assert {"light/moved-3.png", "light/moved-8.png"} <= names["label"]
    (pair,) = [one for one in session.suspects if one.kind == "copy"]
    items = {state["items"][row]["item"] for row in (pair.row, pair.other)}
    assert items == {"light/5.png", "light/again.png"}
    rows = [one.row for one in session.suspects if "moved" in state["items"][one.row]["item"]]
    session.decide({"rows": rows, "decision": "relabel", "label": "dark"})
    session.decide({"rows": [pair.row], "decision": "drop"})
    assert summary(session)["decided"] == {"relabel": 2, "drop": 1, "keep": 0}
    said = following(run, session)
    assert said == f"tilth train {run / 'config.toml'} --decisions {run / 'decisions.csv'}"
    code, _, err = call(*said.split()[1:], "-o", run.parent / "second", "-q")
    assert code == 0, err
    second = tl.Run.open(run.parent / "second")
    asked, before = second.folder.config, tl.Run.open(run).folder.config
    assert {**asked["data"], "decisions": None} == {**before["data"], "decisions": None}
    assert all(asked[room] == before[room] for room in ("model", "train", "task"))
    assert second.folder.config["data"]["decisions"] == str(run / "decisions.csv")
    data = second.folder.read_record("data")
    assert data["fingerprint"] != tl.Run.open(run).folder.read_record("data")["fingerprint"]
    assert any("2 relabelled, 1 dropped" in note for note in data["notes"])
    # the next review goes on from these decisions
    later = open_review(run.parent / "second", folds=2, epochs=1, quiet=True)
    assert read(later.decisions) == read(run / "decisions.csv")
    assert later.decisions == run.parent / "second" / "decisions.csv"


def test_answers_are_kept_and_those_of_other_nets_are_not(run, monkeypatch):
    first = open_review(run, folds=2, epochs=2, quiet=True)
    monkeypatch.setattr("tilth.flow.out_of_fold._answers", lambda *given: 1 / 0)
    again = open_review(run, folds=2, epochs=2, quiet=True)
    assert again.suspects == first.suspects
    with pytest.raises(ZeroDivisionError):
        open_review(run, folds=2, epochs=3, quiet=True)
    (run / "review" / "fold-1.safetensors").write_bytes(b"damaged")
    with pytest.raises(ZeroDivisionError):
        open_review(run, folds=2, epochs=2, quiet=True)


def test_each_row_is_answered_by_the_net_that_did_not_learn_from_it(tmp_path):
    """Labels without any sense: who learned a row by heart knows it, who did not cannot."""
    stream = np.random.default_rng(0)
    pixels = stream.integers(0, 255, (90, 8, 8), dtype=np.uint8)
    labels = stream.integers(0, 2, 90)
    data = tl.arrays(pixels, labels)
    seen = []

    def make(part):
        seen.append({name: set(rows.tolist()) for name, rows in part.splits.items()})
        settings = {"epochs": 40, "lr": 0.01, "dtype": "float32", "label_smoothing": 0.0}
        return tl.Learner(part, "mlp", quiet=True, weight_decay=0.0, augment=False, **settings)

    found = out_of_fold(data, make, folds=3, seed=0, kept=tmp_path, say=lambda text: None)
    assert found.rows.tolist() == list(range(90))
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    dealt = fold_rows(data.content_ids(found.rows), data.targets.tolist(), 3, 0)
    assert [one["test"] for one in seen] == [set(fold.tolist()) for fold in dealt]
    assert all(one["train"] == set(range(90)) - one["test"] for one in seen)
    right = (found.probabilities.argmax(axis=1) == labels).mean()
    assert 0.3 < right < 0.7  # nets that had learned from the row would know nearly all


def test_a_pile_without_labels_gets_a_file_of_its_own(run, trained, tmp_path):
    pile = tmp_path / "pile"
    pile.mkdir()
    for number, place in enumerate(sorted((trained / "shades" / "dark").iterdir())[:30]):
        shutil.copy(place, pile / f"{number}.png")
    session = open_review(run, pictures=pile, quiet=True)
    assert re.fullmatch(r"decisions-pile-[0-9a-f]{8}\.csv", session.decisions.name)
    assert following(run, session, pile) == f"tilth review {run} --pictures {pile}"
    assert len(session.rows) == 30 and session.data.true_answer(0) == ""
    assert {name.removesuffix(BY_UMAP) for name in session.maps.names} == {"pixels", "layer 1"}
    session.decide({"rows": list(range(15)), "decision": "relabel", "label": "night"})
    session.decide({"rows": list(range(15, 30)), "decision": "relabel", "label": "coal"})
    labelled = tl.images(pile, size=12).apply(session.decisions)
    assert labelled.target.labels == ("coal", "night")
    said = following(run, session, pile)
    assert said.startswith(f"tilth train {pile} --decisions {session.decisions} ")
    code, _, err = call(*said.split()[1:], "-o", tmp_path / "piled", *FAST, "-q")
    assert code == 0, err
    piled, first = (tl.Run.open(one).folder for one in (tmp_path / "piled", run))
    assert piled.config["model"]["name"] == first.config["model"]["name"] == "mlp"
    shapes = [json.loads((one.model / "preprocessor_config.json").read_text())
              for one in (piled, first)]  # fmt: skip
    for part in ("height", "width", "channels", "fit"):
        assert shapes[0][part] == shapes[1][part]


def test_a_pile_is_learned_by_the_net_of_the_run_with_all_its_arguments(trained, tmp_path):
    layers, data = ("--set", "model.arguments.layers=[16, 8]"), trained / "shades"
    words = ("--model", "mlp", *layers, "--warm-start", "{}", "--size", "12", *FAST, "-q")
    run, bundle = tmp_path / "run", tmp_path / "first" / "model"
    first = [word for word in words if word not in ("--warm-start", "{}")]
    assert call("train", data, "-o", tmp_path / "first", *first)[0] == 0
    told = [str(word).format(bundle) for word in words]
    code, _, err = call("train", data, "-o", run, *told)
    assert code == 0, err
    pile = tmp_path / "pile"
    shutil.copytree(data / "dark", pile)
    session = open_review(run, pictures=pile, quiet=True)
    places = list(range(len(session.rows)))
    for label, rows in (("night", places[::2]), ("coal", places[1::2])):
        session.decide({"rows": rows, "decision": "relabel", "label": label})
    said = shlex.split(following(run, session, pile))
    code, _, err = call(*said[1:], "-o", tmp_path / "piled", *FAST, "-q")
    assert code == 0, err
    piled, before = (tl.Run.open(one).folder.config for one in (tmp_path / "piled", run))
    assert piled["model"] == before["model"]
    assert before["model"]["arguments"] == {"layers": [16, 8]}
    assert before["model"]["warm_start"] == str(bundle)


def test_a_run_of_several_fits_is_made_again_by_its_script(trained, tmp_path):
    settings = {"quiet": True, "lr": 0.01, "dtype": "float32", "channels_last": False}
    learn = tl.Learner(tl.images(trained / "shades"), "mlp", run=tmp_path / "run", **settings)
    learn.fit(2)
    learn.fit(1).export()
    session = open_review(tmp_path / "run", folds=2, epochs=1, quiet=True)
    session.decide({"rows": [int(session.rows[0])], "decision": "drop"})
    file = tmp_path / "run" / "decisions.csv"
    said = following(tmp_path / "run", session)
    assert said == f"run the script of {tmp_path / 'run'} again, on data.apply({str(file)!r})"
    code, _, err = call("train", tmp_path / "run" / "config.toml", "-o", tmp_path / "more")
    assert code == 2 and "left out would be 1 epoch at 0.01" in err


@pytest.mark.filterwarnings("ignore:fine-tuning")
def test_a_fine_tuned_run_says_how_long_its_judges_learned(run, trained, tmp_path, monkeypatch):
    words = ("--warm-start", run, "--size", "12", "--set", "train.freeze_epochs=25", *FAST, "-q")
    code, _, err = call("train", trained / "shades", "-o", tmp_path / "tuned", *words)
    assert code == 0, err
    phases = [plan["epochs"] for plan in tl.Run.open(tmp_path / "tuned").folder.config["phase"]]
    assert phases == [25, 1]
    for asked, expected in ((None, 4), (1, 1)):  # a fifth of one epoch is under four
        session = open_review(tmp_path / "tuned", folds=2, epochs=asked, quiet=True)
        said = " ".join(session.state()["notes"])
        assert f"2 nets, each trained for {25 + expected} epochs" in said
    plans = recorded_plans(tl.Run.open(tmp_path / "tuned").folder)
    cut = [dataclasses.replace(plans[0], epochs=5), plans[1]]  # as by a time budget
    monkeypatch.setattr(review, "recorded_plans", lambda folder: cut)
    session = open_review(tmp_path / "tuned", folds=2, quiet=True)
    assert f"each trained for {5 + 4} epochs" in " ".join(session.state()["notes"])


def test_nets_that_judge_labels_learn_at_the_rate_of_the_run(trained, tmp_path, monkeypatch):
    """With a net that is not the default the rate is measured, and stands in the plan alone."""
    words = ("--model", "mlp", "--size", "12", "--epochs", 2, "--device", "cpu", "-q")
    code, _, err = call("train", trained / "shades", "-o", tmp_path / "run", *words)
    assert code == 0, err
    (plan,) = recorded_plans(tl.Run.open(tmp_path / "run").folder)
    rates, loop = [], tl.Learner.loop

    def watched(self, plan, *more):
        rates.append(plan.lr)
        return loop(self, plan, *more)

    monkeypatch.setattr(tl.Learner, "loop", watched)
    open_review(tmp_path / "run", folds=2, quiet=True)
    usual = tl.Learner(tl.images(trained / "shades", size=12), "mlp", quiet=True).plan.lr
    assert rates == [plan.lr] * 2 and plan.lr != usual


def test_two_piles_of_one_name_have_two_files_and_grey_ones_suit_a_run_in_colour(tmp_path):
    stream, files = np.random.default_rng(0), []
    for label, level in (("dark", 60), ("light", 190)):
        for number in range(30):
            pixels = np.clip(stream.normal(level, 30, (12, 12, 3)), 0, 255).astype(np.uint8)
            place = tmp_path / "colour" / label / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place)
    words = ("--model", "mlp", *FAST, "--size", "12", "-q")
    code, _, err = call("train", tmp_path / "colour", "-o", tmp_path / "run", *words)
    assert code == 0, err
    for where in ("here", "there"):
        pile = tmp_path / where / "pile"
        pile.mkdir(parents=True)
        for number in range(12):
            grey = stream.integers(0, 255, (12, 12), dtype=np.uint8)
            Image.fromarray(grey).save(pile / f"{number}.png")
        session = open_review(tmp_path / "run", pictures=pile, quiet=True)
        assert session.data.preprocessor.channels == 3 and len(session.rows) == 12
        session.decide({"rows": [0], "decision": "drop"})
        files.append(session.decisions)
    assert files[0] != files[1] and [len(read(one)) for one in files] == [1, 1]


def test_runs_that_cannot_be_reviewed_are_told(run, tmp_path):
    table = tmp_path / "houses.csv"
    lines = [f"{n % 7},{50 * (n % 7) + n % 3}.5" for n in range(80)]
    table.write_text("rooms,price\n" + "\n".join(lines) + "\n")
    words = ("--target", "price", *FAST, "-q")
    assert call("train", table, "-o", tmp_path / "prices", *words)[0] == 0
    told = "prices is a run of regress on tables; .* points of pictures. Fix: tilth check"
    with pytest.raises(UserError, match=told):
        open_review(tmp_path / "prices", quiet=True)
    with pytest.raises(UserError, match="folds=1"):
        open_review(run, folds=1, quiet=True)
    stream = np.random.default_rng(0)
    data = tl.arrays(stream.integers(0, 255, (60, 8, 8), dtype=np.uint8), np.arange(60) % 2)
    learn = tl.Learner(data, "mlp", quiet=True, epochs=1, lr=0.01, run=tmp_path / "memory")
    learn.fit().export()
    with pytest.raises(UserError, match="data in memory"):
        open_review(tmp_path / "memory", quiet=True)


def test_a_run_on_masks_is_told_what_is_reviewed(tmp_path):
    stream = np.random.default_rng(0)
    for number in range(40):
        mask = (stream.random((16, 16)) > 0.5).astype(np.uint8)
        for kind, pixels in (("pictures", 200 * mask), ("masks", mask)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / kind / f"{number}.png")
    words = ("--masks", tmp_path / "masks", "--set", "model.arguments.width=4", *FAST, "-q")
    code, _, err = call("train", tmp_path / "pictures", "-o", tmp_path / "run", *words)
    assert code == 0, err
    code, _, err = call("review", tmp_path / "run", "--json")
    assert code == 2
    assert "run is a run of segment on pictures; runs are reviewed that predict classes" in err
    assert "Fix: tilth review RUN --pictures FOLDER" in err


def test_ctrl_c_ends_the_page_and_says_what_was_decided(run, monkeypatch):
    def stopped(self):
        self.session.decide({"rows": [int(self.session.rows[0])], "decision": "drop"})
        raise KeyboardInterrupt

    monkeypatch.setattr("tilth.audit.review.server.ReviewServer.serve_forever", stopped)
    words = ("--folds", "2", "--epochs", "1", "--no-browser")
    code, out, err = call("review", run, *words)
    assert (code, out) == (0, "")
    assert "http://127.0.0.1:" in err and "0 relabelled, 1 dropped, 0 kept" in err
    assert f"--decisions {run / 'decisions.csv'}" in err


@pytest.mark.parametrize(
    ("task", "columns", "row"),
    [
        ("multilabel", "left,right", lambda n: f"{n % 2},{n % 3 // 2}"),
        ("keypoints", "nose_x,nose_y", lambda n: f"{n % 5 + 1},{n % 7 + 2}"),
    ],
)
def test_runs_on_several_labels_and_on_points_are_reviewed(task, columns, row, tmp_path):
    folder, stream = tmp_path / "flat", np.random.default_rng(0)
    folder.mkdir()
    for number in range(60):
        pixels = stream.integers(0, 255, (12, 12), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    shutil.copy(folder / "3.png", folder / "again.png")
    table = tmp_path / "told.csv"
    lines = [f"{n}.png,{row(n)}" for n in range(60)] + [f"again.png,{row(3)}"]
    table.write_text("\n".join([f"file,{columns}", *lines]) + "\n")
    words = ("--labels", table, "--target", columns, "--task", task, "--size", "12")
    code, _, err = call("train", folder, "-o", tmp_path / "run", *words, *FAST, "-q")
    assert code == 0, err
    code, out, err = call("review", tmp_path / "run", "--json")
    assert code == 0, err
    (pair,) = json.loads(out)["listed"]
    assert {pair["kind"], pair["item"]} in ({"copy", "3.png"}, {"copy", "again.png"})
    assert len(open_review(tmp_path / "run", quiet=True).project("pixels", 0, 1)["labels"]) == 61


def test_a_review_says_where_not_all_pictures_were_compared(run, monkeypatch):
    monkeypatch.setattr("tilth.audit.review.near_copies._MOST_NEAR", 50)
    session = open_review(run, folds=2, epochs=1, quiet=True)
    assert "among 50 of the 81 pictures" in " ".join(session.state()["notes"])


def test_any_layer_of_the_net_has_a_map_and_another_name_is_told(run):
    session = open_review(run, folds=2, epochs=1, layer="head", quiet=True)
    assert [name for name in session.maps.names if BY_UMAP not in name][:2] == ["pixels", "head"]
    assert len(session.project("head", 0, 1)["points"]) == 81
    code, _, err = call("review", run, "--layer", "neck", "--json")
    assert code == 2 and "neck" in err and "body.1" in err


@pytest.mark.filterwarnings("ignore:freezing of mlp")
def test_nets_that_judge_labels_go_through_the_phases_of_fine_tuning(tmp_path, monkeypatch):
    stream = np.random.default_rng(0)
    data = tl.arrays(stream.integers(0, 255, (60, 8, 8), dtype=np.uint8), np.arange(60) % 2)
    phases, loop = [], tl.Learner.loop

    def watched(self, plan, phase=0, *more):
        phases.append((phase, plan.frozen, plan.epochs, len(plan.rates)))
        return loop(self, plan, phase, *more)

    monkeypatch.setattr(tl.Learner, "loop", watched)
    settings = {"epochs": 2, "lr": 0.01, "dtype": "float32", "channels_last": False}

    def judged(**more):
        def make(part):
            return tl.Learner(part, "mlp", quiet=True, device="cpu", **settings, **more)

        phases.clear()
        asked = {"folds": 2, "seed": 0, "kept": tmp_path, "say": lambda text: None}
        return out_of_fold(data, make, **asked).probabilities, list(phases)

    _, plain = judged()
    assert plain == [(0, 0, 2, 0)] * 2
    tuned, found = judged(freeze_epochs=1)
    groups = found[1][3]
    assert groups > 1 and found == [(0, groups - 1, 1, 0), (1, 0, 2, groups)] * 2
    again, nothing = judged(freeze_epochs=1)
    assert nothing == [] and np.array_equal(again, tuned)
    assert judged(freeze_epochs=1, augment=False)[1] == found  # other answers than those kept
