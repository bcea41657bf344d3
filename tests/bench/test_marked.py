"""Which jobs run where none is named: those that need nothing more than tilth does."""

from bench.marked import JOBS, NAMED, asked


def test_what_needs_another_library_runs_only_where_it_is_named():
    assert "streets" in JOBS and "streets-monai" in NAMED
    assert asked([]).jobs == list(JOBS) and not set(JOBS) & set(NAMED)
    assert asked(["streets-monai", "text"]).jobs == ["streets-monai", "text"]
