"""Cells, medians, paired ratios, resume and the page, on numbers worked out by hand."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace

import pytest

from bench import cells, driver, environment, report
from bench.plan import Arm, Bar, Bench, Limit, Metric

BENCH = Bench(
    name="demo",
    title="Demo",
    work="Nothing.",
    config={"rows": 4, "threads": 1},
    quick={"rows": 2},
    arms=(
        Arm("ours", "m", "a", "tilth"),
        Arm("loop", "m", "b", "hand"),
        Arm("slow loop", "m", "c", "aside"),
        Arm("peer", "m", "d", "peer"),
    ),
    metrics=(Metric("speed", "rows/s"), Metric("seconds", "s", "less", 2)),
    bars=(
        Bar("fast", "speed", "ours", ("loop", "slow loop"), at_least=0.97),
        Bar("matrix units", "speed", "ours", ("peer",), at_least=1.4, needs_flag="amx"),
        Bar("cheap", "seconds", "ours", ("loop",), at_most=1.15),
    ),
    limits=(Limit("at once", "seconds", "ours", 0.5),),
)


def cell(arm, repeat, speed=None, **more):
    result = {} if speed is None else {"result": {"speed": speed, "seconds": 10 / speed}}
    frame = {
        "bench": "demo",
        "arm": arm,
        "repeat": repeat,
        "config": BENCH.config,
        "quick": False,
        "commit": "abc",
        "hardware": {
            "cpu": "Chip",
            "cores": 2,
            "flags": ["avx2"],
            "memory_gib": 4,
            "system": "Linux",
        },
        "versions": {"project": {"torch": "2.15.0"}},
        "threads": 1,
        "at": "2026-01-02T00:00:00Z",
    }
    return {**frame, **result, **more}


MEASURED = [
    *(cell("ours", repeat, speed) for repeat, speed in enumerate((100.0, 50.0, 110.0))),
    *(cell("loop", repeat, speed) for repeat, speed in enumerate((100.0, 55.0, 100.0))),
    *(cell("slow loop", repeat, speed) for repeat, speed in enumerate((20.0, 20.0, 20.0))),
    cell("peer", 0, error="Traceback\nboom"),
    cell("peer", 1, 25.0),
    cell("peer", 2, 44.0),
]


def test_ratios_are_taken_within_repeats():
    # The second repeat ran on a machine half as fast; the pairs do not notice.
    assert cells.paired_ratios(MEASURED, "speed", "ours", "loop") == [1.0, 50 / 55, 1.1]
    assert cells.paired_ratios(MEASURED, "speed", "ours", "peer") == [2.0, 2.5]


def test_best_looks_at_medians_and_at_the_direction():
    names = ("loop", "slow loop", "peer")
    assert cells.best(MEASURED, "speed", names, more=True) == "loop"
    assert cells.best(MEASURED, "speed", names, more=False) == "slow loop"
    assert cells.best(MEASURED, "speed", ("nobody",), more=True) is None


def test_a_torn_line_is_left_out_and_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "runs" / "cells.jsonl"
    cells.append(path, MEASURED[0])
    with path.open("a") as file:
        file.write('{"bench": "de')
    cells.append(path, MEASURED[1])
    assert cells.read(path) == MEASURED[:2]


def test_another_commit_work_or_machine_is_another_run():
    key = cells.run_key(MEASURED[0])
    others = [
        cell("ours", 0, 1.0, commit="def"),
        cell("ours", 0, 1.0, config={"rows": 2, "threads": 1}),
        cell("ours", 0, 1.0, versions={"project": {"torch": "2.14.0"}}),
        cell("ours", 0, 1.0, quick=True),
    ]
    assert all(cells.run_key(other) != key for other in others)
    assert cells.finished([*others, cell("loop", 1, 2.0)], key) == {("loop", 1)}


def test_latest_run_keeps_the_newest_cells_of_the_newest_run():
    old = [cell("ours", 0, 1.0, commit="old"), cell("loop", 0, 1.0, commit="old")]
    again = cell("ours", 0, 7.0)
    quick = cell("ours", 0, 9.0, quick=True)
    found = cells.latest_run([*old, cell("ours", 0, 5.0), again, quick], "demo", quick=False)
    assert found == [again]


@pytest.fixture
def measured_arms(monkeypatch):
    """Stand-ins for the arms' processes: what was measured, in order."""
    seen = []

    def measure(bench, arms, config, repeat):
        for arm in arms:
            seen.append((repeat, arm.name))
            failing = arm.name == "peer" and len(seen) < 5
            yield arm, {"error": "boom"} if failing else {"result": {"speed": 1.0, "seconds": 1.0}}

    monkeypatch.setattr(driver, "measure", measure)
    monkeypatch.setattr(environment, "make_peers", lambda: None)
    monkeypatch.setattr(environment, "commit", lambda: "abc")
    monkeypatch.setattr(environment, "hardware", lambda: MEASURED[0]["hardware"])
    monkeypatch.setattr(environment, "versions", lambda kind: {})
    return seen


def test_a_run_goes_on_where_it_stopped_and_retries_what_failed(tmp_path, measured_arms):
    path = tmp_path / "cells.jsonl"
    assert driver.run(BENCH, path, repeats=1) == 1
    assert measured_arms == [(0, "ours"), (0, "loop"), (0, "slow loop"), (0, "peer")]
    measured_arms.clear()
    measured_arms.extend([("", "")] * 5)
    assert driver.run(BENCH, path, repeats=2) == 0
    # The failed peer first, then the second repeat, which begins one arm further on.
    assert measured_arms[5:] == [
        (0, "peer"),
        (1, "loop"),
        (1, "slow loop"),
        (1, "peer"),
        (1, "ours"),
    ]
    measured_arms.clear()
    driver.run(BENCH, path, repeats=2)
    assert measured_arms == []
    driver.run(BENCH, path, repeats=1, fresh=True, only=("ours",))
    assert measured_arms == [(0, "ours")]


def test_arms_that_take_turns_are_measured_again_together(tmp_path, measured_arms):
    path, bench = tmp_path / "cells.jsonl", replace(BENCH, turn_seconds=1.0)
    assert driver.run(bench, path, repeats=1) == 1
    assert driver.run(bench, path, repeats=1) == 0
    assert measured_arms == 2 * [(0, "ours"), (0, "loop"), (0, "slow loop"), (0, "peer")]


def test_the_table_shows_medians_ranges_and_ratios():
    lines = report.render(BENCH, MEASURED).splitlines()
    (ours,) = (line for line in lines if line.startswith("| ours | 3"))
    assert ours == ("| ours | 3 | 100 (50 to 110) | 0.10 (0.09 to 0.20) | 1.00x | 2.25x |")
    assert any(line.startswith("| peer | 2 |") for line in lines)
    assert "Failed: peer: `boom`" in lines


def test_the_command_under_a_table_makes_as_many_repeats_as_the_table_has():
    told = f"`python -m bench {BENCH.name}"
    named = {
        repeats: next(line for line in report.render(bench, MEASURED).splitlines() if told in line)
        for repeats, bench in ((count, replace(BENCH, repeats=count)) for count in (3, 5))
    }
    assert f"{told}`, commit" in named[3] and f"{told} --repeats 3`, commit" in named[5]


def test_the_bars_are_judged_by_the_median_pair():
    rows = [line for line in report.render(BENCH, MEASURED).splitlines() if "ours: " in line]
    fast, matrix, cheap, limit = rows
    assert fast == "| ours: fast | >= 0.97x | 1.00x of loop (0.91 to 1.10) | yes |"
    assert matrix.endswith("| not judged: no amx here |")
    assert cheap.endswith("| <= 1.15x | 1.00x of loop (0.91 to 1.10) | yes |")
    assert limit.endswith("| <= 0.5 s | 0.10 (0.09 to 0.20) | yes |")


def test_a_bar_that_is_missed_says_no():
    slower = [cell("ours", 0, 80.0), cell("loop", 0, 100.0)]
    rows = [line for line in report.render(BENCH, slower).splitlines() if "ours: " in line]
    assert rows[0].endswith("| 0.80x of loop (0.80 to 0.80) | **no** |")
    assert rows[1].endswith("| not measured | not judged |")
    assert rows[2].endswith("| 1.25x of loop (1.25 to 1.25) | **no** |")


def test_a_section_is_replaced_between_its_markers_alone(tmp_path):
    page = tmp_path / "results.md"
    page.write_text("# Results\n\nMine.\n")
    report.write_section(page, "demo", "first")
    report.write_section(page, "other", "else")
    report.write_section(page, "demo", "second")
    text = page.read_text()
    assert text.startswith("# Results\n\nMine.\n")
    assert "first" not in text
    assert text.count("second") == text.count("else") == 1


def test_a_new_section_comes_after_the_others_and_before_the_rest_of_the_page(tmp_path):
    page = tmp_path / "results.md"
    page.write_text(
        "# Results\n\n<!-- bench:demo begin -->\nold\n<!-- bench:demo end -->\n\n## Trust\n"
    )
    report.write_section(page, "other", "else")
    found = [page.read_text().index(part) for part in ("old", "else", "## Trust")]
    assert found == sorted(found)


def test_an_arm_runs_in_its_own_process_and_its_words_do_not_disturb(tmp_path, monkeypatch):
    (tmp_path / "speaking_arm.py").write_text(
        'import sys\nprint(\'hello\')\nprint(\'{"speed": 3.0, "argument": "%s"}\' % sys.argv[2])\n'
    )
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    bench = Bench("demo", "Demo", "", {}, {}, (), (), threads=1)
    arms = [
        Arm("one", "speaking_arm", "loud", "tilth"),
        Arm("two", "no_such_module", "x", "tilth"),
    ]
    for each in (bench, replace(bench, turn_seconds=0.05)):
        found = {arm.name: cell for arm, cell in driver.measure(each, arms, {}, 0)}
        assert found["one"]["result"] == {"speed": 3.0, "argument": "loud"}
        assert "no_such_module" in found["two"]["error"]


def test_bars_that_name_unknown_arms_are_refused():
    with pytest.raises(ValueError, match="nobody"):
        Bench("b", "B", "", {}, {}, (), (), bars=(Bar("x", "speed", "nobody", ()),))


@pytest.mark.parametrize("name", ["startup", "overhead", "table", "folder", "mnist"])
def test_every_bench_can_be_handed_to_its_arms(name):
    import importlib

    bench = importlib.import_module(f"bench.{name}").BENCH
    assert bench.name == name
    assert set(bench.quick) <= set(bench.config)
    assert bench.config["threads"] == bench.threads
    assert json.loads(json.dumps(bench.config)) == bench.config


def test_report_writes_tables_and_measures_nothing(tmp_path, monkeypatch):
    def never(*arguments, **named):
        raise AssertionError("something was measured")

    monkeypatch.setattr(driver, "run", never)
    page, where = tmp_path / "page.md", ["--cells", str(tmp_path / "none.jsonl")]
    monkeypatch.setattr(sys, "argv", ["bench", "report", "startup", *where, "--page", str(page)])
    assert importlib.import_module("bench.__main__").main() == 0
