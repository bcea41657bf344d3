"""From measured cells to the tables of docs/results.md: medians, paired ratios, bars."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench import cells
from bench.plan import Bar, Bench, Limit, Metric

HEADING = "# Results\n\nEvery number here was measured by the command beside it.\n"


def render(bench: Bench, measured: Sequence[cells.Cell]) -> str:
    """The whole section of one bench as Markdown."""
    first = measured[0]
    smoke = ["**A smoke run of a smaller size: its numbers mean nothing.**"]
    parts = [
        [f"### {bench.title}"],
        smoke if first["quick"] else [],
        [bench.work],
        list(table(bench, measured)),
        list(verdicts(bench, measured)),
        list(provenance(bench, measured)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def table(bench: Bench, measured: Sequence[cells.Cell]) -> Iterator[str]:
    """One row per arm: medians with their spread, and the speed against the two yardsticks."""
    keys = bench.compared or (bench.metrics[0].key,)
    compared = [
        (metric, other)
        for metric in bench.metrics
        if metric.key in keys
        for other in yardsticks(bench, metric, measured)
    ]
    titles = ["arm", "repeats", *(metric.label for metric in bench.metrics)]
    titles += [f"{metric.short} speed / {other}".strip() for metric, other in compared]
    yield "| " + " | ".join(titles) + " |"
    yield "|" + "---|" * 2 + "---:|" * (len(titles) - 2)
    for arm in bench.arms:
        found = [cell for cell in measured if cell["arm"] == arm.name]
        if not found:
            continue
        name = arm.name + (f" ({arm.note})" if arm.note else "")
        count = sum("result" in cell for cell in found)
        row = [name, str(count) if count else "failed"]
        row += [number(measured, arm.name, metric) for metric in bench.metrics]
        row += [speed(measured, metric, arm.name, other) for metric, other in compared]
        yield "| " + " | ".join(row) + " |"


def yardsticks(bench: Bench, metric: Metric, measured: Sequence[cells.Cell]) -> list[str]:
    """The best hand-written arm and the fastest peer by this metric, where there are any."""
    roles = [[arm.name for arm in bench.arms if arm.role == role] for role in ("hand", "peer")]
    found = [
        cells.best(measured, metric.key, names, more=metric.better == "more") for names in roles
    ]
    return [name for name in found if name]


def number(measured: Sequence[cells.Cell], arm: str, metric: Metric) -> str:
    """Median, with the least and the most beside it when there are several."""
    found = cells.values(measured, arm, metric.key)
    if not found:
        return ""
    scaled = [value * metric.scale for value in found.values()]
    low, mid, high = (f"{v:,.{metric.digits}f}" for v in (min(scaled), median(scaled), max(scaled)))
    return f"{mid} ({low} to {high})" if len(scaled) > 1 else mid


def speed(measured: Sequence[cells.Cell], metric: Metric, arm: str, other: str) -> str:
    """How many times as fast as `other`: more than 1 is faster, whatever the metric's direction."""
    pair = (arm, other) if metric.better == "more" else (other, arm)
    ratios = cells.paired_ratios(measured, metric.key, *pair)
    return f"{median(ratios):.2f}x" if ratios else ""


def verdicts(bench: Bench, measured: Sequence[cells.Cell]) -> Iterator[str]:
    """One row per bar: what is asked, the median of paired ratios with its range, met or not."""
    rows = [judge(bench, bar, measured) for bar in bench.bars]
    rows += [judge_limit(bench, limit, measured) for limit in bench.limits]
    if rows:
        yield "| bar | asked | measured | met |"
        yield "|---|---|---|---|"
        for row in rows:
            yield "| " + " | ".join(row) + " |"


def judge(bench: Bench, bar: Bar, measured: Sequence[cells.Cell]) -> tuple[str, str, str, str]:
    """A bar's row: the ratio `arm / rival` of the metric itself, repeat by repeat."""
    metric = next(metric for metric in bench.metrics if metric.key == bar.metric)
    asked = f">= {bar.at_least:g}x" if bar.at_least is not None else f"<= {bar.at_most:g}x"
    rival = cells.best(measured, bar.metric, bar.against, more=metric.better == "more")
    ratios = cells.paired_ratios(measured, bar.metric, bar.arm, rival) if rival else []
    if not ratios:
        return f"{bar.arm}: {bar.text}", asked, "not measured", "not judged"
    ratio = median(ratios)
    mid, low, high = (f"{value:.{bar.digits}f}" for value in (ratio, min(ratios), max(ratios)))
    shown = f"{mid}x of {rival} ({low} to {high})"
    missing = bar.needs_flag and not any(
        bar.needs_flag in flag for flag in measured[0]["hardware"]["flags"]
    )
    if missing:
        return f"{bar.arm}: {bar.text}", asked, shown, f"not judged: no {bar.needs_flag} here"
    met = ratio >= bar.at_least if bar.at_least is not None else ratio <= (bar.at_most or 0.0)
    return f"{bar.arm}: {bar.text}", asked, shown, "yes" if met else "**no**"


def judge_limit(
    bench: Bench, limit: Limit, measured: Sequence[cells.Cell]
) -> tuple[str, str, str, str]:
    """An absolute limit's row."""
    metric = next(metric for metric in bench.metrics if metric.key == limit.metric)
    found = cells.middle(cells.values(measured, limit.arm, limit.metric))
    asked = f"<= {limit.at_most:g} {metric.label}"
    if found is None:
        return f"{limit.arm}: {limit.text}", asked, "not measured", "not judged"
    shown = number(measured, limit.arm, metric)
    return f"{limit.arm}: {limit.text}", asked, shown, "yes" if found <= limit.at_most else "**no**"


def provenance(bench: Bench, measured: Sequence[cells.Cell]) -> Iterator[str]:
    """Machine, versions, command, commit and dates of the cells above."""
    first = measured[0]
    machine, quick = first["hardware"], " --quick" if first["quick"] else ""
    dates = sorted(cell["at"][:10] for cell in measured)
    flags = ", ".join(machine["flags"]) or "none of the flags that matter"
    yield (
        f"{machine['cpu']}, {machine['cores']} logical cores ({flags}), "
        f"{machine['memory_gib']} GiB, {machine['system']}; {first['threads']} thread(s) per arm. "
        "In brackets the least and the most over repeats; ratios are medians over paired repeats."
    )
    for kind, found in first["versions"].items():
        listed = ", ".join(f"{name} {version}" for name, version in found.items())
        yield f"{kind} environment: {listed}."
    if first.get("turns"):
        yield f"The arms of a repeat took turns of {first['turns']:g} s; the others were held."
    busy = median(cell.get("load", 0.0) for cell in measured)
    yield f"Load of the machine when an arm began (median): {busy:.1f}."
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    made, usual = 1 + max(cell["repeat"] for cell in measured), 2 if quick else bench.repeats
    fewer = f" --repeats {made}" if made != usual else ""
    yield f"`python -m bench {bench.name}{quick}{fewer}`, commit {first['commit']}, {when}."
    failures = {cell["arm"]: cell["error"] for cell in measured if "error" in cell}
    for arm, error in failures.items():
        yield f"Failed: {arm}: `{error.strip().rpartition(chr(10))[2][:200]}`"


def write_section(path: Path, name: str, text: str) -> None:
    """Put `text` between the bench's markers in the page; a new one after those of all others."""
    opening, closing = f"<!-- bench:{name} begin -->", f"<!-- bench:{name} end -->"
    page = path.read_text(encoding="utf-8") if path.exists() else HEADING
    block = f"{opening}\n{text.strip()}\n{closing}"
    if opening in page and closing in page:
        before, _, rest = page.partition(opening)
        page = before + block + rest.partition(closing)[2]
    else:
        others = [match.end() for match in re.finditer(r"<!-- bench:\S+ end -->", page)]
        end = others[-1] if others else len(page)
        page = f"{page[:end].rstrip()}\n\n{block}\n\n{page[end:].lstrip()}".rstrip() + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
