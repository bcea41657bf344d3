"""A test that skips without a listed reason fails the whole run."""

from __future__ import annotations

from pathlib import Path

from tests.house.skips import main, read, refused

XML = """<testsuites><testsuite>
<testcase classname="a" name="good"/>
<testcase classname="a" name="bad"><failure message="x"/></testcase>
<testcase classname="a" name="broken"><error message="x"/></testcase>
<testcase classname="b" name="away"><skipped message="no CUDA device here"/></testcase>
</testsuite></testsuites>"""


def test_counts_and_reasons_are_read(tmp_path: Path):
    path = tmp_path / "tests.xml"
    path.write_text(XML)
    counts = read([path, path])
    assert (counts.passed, counts.failed) == (2, 4)
    assert counts.skips == {"b::away": "no CUDA device here"}
    assert main([str(path)]) == 1  # there were failures


def test_only_listed_reasons_may_skip_and_only_so_often():
    skips = {"a": "no CUDA device", "b": "no CUDA device", "c": "too lazy"}
    assert refused({"a": skips["a"]}, {"CUDA": 1}) == []
    lines = refused(skips, {"CUDA": 1})
    assert len(lines) == 2
    assert "c skipped" in lines[0] and "too lazy" in lines[0]
    assert "2 tests skipped for 'CUDA', 1 may" in lines[1]


def test_a_run_without_tests_is_no_success(tmp_path: Path):
    path = tmp_path / "tests.xml"
    path.write_text("<testsuites><testsuite/></testsuites>")
    assert main([str(path)]) == 1
