"""What a bench is: its arms, the work they share, what is measured and the bars it must clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["tilth", "hand", "aside", "peer"]  # aside: hand-written, but no yardstick


@dataclass(frozen=True)
class Arm:
    """One way of doing the work: `python -m <module> <bench> <variant>`, once per repeat."""

    name: str
    module: str
    variant: str
    role: Role
    note: str = ""

    @property
    def environment(self) -> str:
        """Which interpreter runs it: the project's, or the one that holds the peers."""
        return "peers" if self.role == "peer" else "project"


@dataclass(frozen=True)
class Metric:
    """One measured number of a cell's result and which way is better."""

    key: str
    label: str
    better: Literal["more", "less", "neither"] = "more"
    digits: int = 0
    scale: float = 1.0
    short: str = ""  # heads the ratio columns where a bench compares several metrics


@dataclass(frozen=True)
class Bar:
    """A ratio of paired repeats, `arm` over the best of `against`, and the limit it must keep."""

    text: str
    metric: str
    arm: str
    against: tuple[str, ...]
    at_least: float | None = None
    at_most: float | None = None
    digits: int = 2  # of the ratio as it is shown
    needs_flag: str = ""  # judged only on a processor whose flags contain this text


@dataclass(frozen=True)
class Limit:
    """An absolute limit on the median of one arm's metric."""

    text: str
    metric: str
    arm: str
    at_most: float


@dataclass(frozen=True)
class Bench:
    """One comparison. Every arm gets `config` as JSON; `quick` overrides it for a smoke run."""

    name: str
    title: str
    work: str
    config: dict[str, int | float | str]
    quick: dict[str, int | float | str]
    arms: tuple[Arm, ...]
    metrics: tuple[Metric, ...]
    bars: tuple[Bar, ...] = ()
    limits: tuple[Limit, ...] = ()
    compared: tuple[str, ...] = ()  # metrics shown as speed ratios too; by default the first
    threads: int = 2
    repeats: int = 5
    timeout_seconds: float = 1800.0
    needs: tuple[str, ...] = ()  # variables of the environment that must be set
    turn_seconds: float = 0.0  # the arms of a repeat take turns of so long; 0: one after the other

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: two arms share a name in {names}")
        unknown = set(self.compared) - {metric.key for metric in self.metrics}
        if unknown:
            raise ValueError(f"{self.name}: compared names unknown metrics {sorted(unknown)}")
        named = {bar.arm for bar in self.bars} | {limit.arm for limit in self.limits}
        named |= {name for bar in self.bars for name in bar.against}
        if not named <= set(names):
            raise ValueError(f"{self.name}: bars name unknown arms {sorted(named - set(names))}")
