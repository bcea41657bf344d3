"""Count tests and refuse skips that nobody listed: python -m tests.house.skips TESTS.xml ..."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

# reason (a pattern) -> how many tests may skip for it. A machine without a graphics card skips
# what only one can show, and only an administrator can mount a small file system to fill; nothing
# else may be left out unseen.
ALLOWED: dict[str, int] = {
    r"no CUDA device": 10,
    r"no tmpfs can be mounted": 1,
    r"no (chromium|playwright) is installed": 6,
}


@dataclass(frozen=True)
class Counts:
    """What a test run's JUnit files hold; ``skips`` maps a test's name to its reason."""

    passed: int
    failed: int
    skips: dict[str, str]


def read(paths: list[Path]) -> Counts:
    """Read JUnit files as pytest writes them."""
    passed = failed = 0
    skips: dict[str, str] = {}
    for path in paths:
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            outcome = {child.tag for child in case}
            skipped = case.find("skipped")
            if outcome & {"failure", "error"}:
                failed += 1
            elif skipped is not None:
                name = f"{case.get('classname')}::{case.get('name')}"
                skips[name] = skipped.get("message", "")
            else:
                passed += 1
    return Counts(passed, failed, skips)


def refused(skips: dict[str, str], allowed: dict[str, int]) -> list[str]:
    """Return a line for each skip that no reason allows, and for each reason used too often."""
    lines, used = [], Counter[str]()
    for name, reason in skips.items():
        found = next((pattern for pattern in allowed if re.search(pattern, reason)), None)
        if found is None:
            lines.append(f"{name} skipped, and the reason is not listed: {reason}")
        else:
            used[found] += 1
    lines += [
        f"{count} tests skipped for {pattern!r}, {allowed[pattern]} may"
        for pattern, count in used.items()
        if count > allowed[pattern]
    ]
    return lines


def main(arguments: list[str]) -> int:
    counts = read([Path(argument) for argument in arguments])
    problems = refused(counts.skips, ALLOWED)
    for name, reason in sorted(counts.skips.items()):
        print(f"skipped: {name}: {reason}")
    for problem in problems:
        print(f"error: {problem}")
    print(f"{counts.passed} passed, {counts.failed} failed, {len(counts.skips)} skipped")
    return 1 if problems or counts.failed or not counts.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
