"""What must not stand in the project's files: index addresses, machine paths, office talk."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from tests.house.tree import ROOT, modules, tracked_files

# each pattern is written so that it does not match itself
FORBIDDEN = {
    "a package index": r"--(?:extra-)?index-[u]rl|--find-[l]inks|pypi\.[o]rg|python[h]osted",
    "a machine's path": r"(?<![\w.~}])/(?:w[o]rk|r[o]ot|h[o]me|o[p]t|tmp/w)/",
    "talk about how it was written": (
        r"(?i)\bwork[p]lace\b|\bsub-?[a]gents?\b|\b(?:this|next|last|earlier) [s]ession\b"
        r"|\bcoding [a]ssistants?\b|\bAI[- ][a]gents?\b"
    ),
    "a promise instead of code": r"\bT[O]DO\b|\bFIX[M]E\b|\bX[X]X\b",
}


def texts() -> list[tuple[Path, str]]:
    """Return every tracked text file; a binary one does not decode."""
    found = []
    for path in tracked_files():
        with suppress(UnicodeDecodeError):
            found.append((path, path.read_text(encoding="utf-8")))
    return found


def test_forbidden_words():
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {what}: {line.strip()[:80]}"
        for path, text in texts()
        if path.suffix != ".lock"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in FORBIDDEN.items()
        if re.search(pattern, line)
    ]
    assert not wrong, "\n".join(wrong)


def test_locks_hold_exact_pins_with_hashes_and_no_addresses():
    for name in ("requirements.lock", "requirements-floor.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text, f"{name} holds an address"
        pins = [line for line in text.splitlines() if line and line[0] not in "# "]
        assert len(pins) > 20
        assert all(re.match(r"[A-Za-z0-9._-]+==\S+", pin) for pin in pins), name
        assert all(pin.endswith("\\") for pin in pins), f"{name}: a pin without a hash"
    assert re.search(r"^torch==2\.15\.0 ", (ROOT / "requirements.lock").read_text(), re.MULTILINE)


def test_the_patterns_find_what_they_forbid():
    samples = {
        "a package index": "pip install --index-" + "url https://x",
        "a machine's path": "open('/ho" + "me/me/data')",
        "talk about how it was written": "in the last " + "session",
        "a promise instead of code": "# TO" + "DO later",
    }
    for what, sample in samples.items():
        assert re.search(FORBIDDEN[what], sample), what


def test_code_is_ascii():
    """Code has no look-alike characters; test data about unicode is written with escapes."""
    wrong = [module.where for module in modules() if not module.text.isascii()]
    assert not wrong, wrong


def test_nothing_on_a_load_path_can_run_code_from_a_file():
    """The package names no pickle and no eval."""
    pattern = re.compile(r"^\s*(?:import|from) (?:pickle|dill|joblib|shelve|marshal)\b", re.M)
    calls = re.compile(r"(?<![\w.])(?:eval|exec)\(|\btorch\.(?:load|save)\(|allow_pickle=True")
    wrong = [m.where for m in modules() if pattern.search(m.text) or calls.search(m.text)]
    assert not wrong, wrong


def test_before_a_commit_runs_what_ci_runs():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"entry: make (\S+)", text)
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert entries == ["lint", "types"]
    assert all(f"make {entry}" in script for entry in entries)
