"""`python -m bench [names] [--quick]`: measure what is missing, then rewrite the tables.

With `report` among the names nothing is measured, their tables alone are written.

`python -m bench kill` kills training and compares what a resume makes of it; see `kill.py`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from bench import cells, driver, environment, report
from bench.plan import Bench

NAMES = (
    "startup",
    "overhead",
    "table",
    "folder",
    "augmenting",
    "mnist",
    "images",
    "worlds",
    "pixels",
)


def bench_named(name: str) -> Bench:
    found: Bench = importlib.import_module(f"bench.{name}").BENCH
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(NAMES)} or report")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small sizes, 2 repeats")
    parser.add_argument("--fresh", action="store_true", help="measure finished cells again")
    parser.add_argument("--repeats", type=int, help="repeats per arm instead of the bench's own")
    parser.add_argument("--arms", default="", help="only these arms, by name, comma-separated")
    parser.add_argument("--cells", type=Path, default=environment.CELLS)
    parser.add_argument("--page", type=Path, default=environment.PAGE, help="the tables")
    return parser.parse_args()


def main() -> int:
    if sys.argv[1:2] == ["kill"]:
        return importlib.import_module("bench.kill").main(sys.argv[2:])
    given = arguments()
    unknown = sorted(set(given.names) - {*NAMES, "report"})
    if unknown:
        known = f"{', '.join(NAMES)} or report (kill is a command of its own)"
        print(f"no bench is called {unknown[0]!r}: {known}", file=sys.stderr)
        return 2
    only_report = "report" in given.names
    chosen = [name for name in given.names if name != "report"] or list(NAMES)
    benches, failed = [bench_named(name) for name in chosen], 0
    arms = tuple(filter(None, given.arms.split(",")))
    unset = sorted({name for bench in benches for name in bench.needs} - set(os.environ))
    if unset and not only_report:
        print(f"{unset[0]} is not set: name the folder that holds the data sets", file=sys.stderr)
        return 2
    if not only_report:
        for bench in benches:
            failed += driver.run(
                bench,
                given.cells,
                quick=given.quick,
                fresh=given.fresh,
                repeats=given.repeats,
                only=arms,
            )
    measured = cells.read(given.cells)
    for bench in benches:
        mine = cells.latest_run(measured, bench.name, quick=given.quick)
        if mine:
            section = report.render(bench, mine)
            print(section)
            # A smoke run is shown, never written down as a result.
            if not given.quick:
                report.write_section(given.page, bench.name, section)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
