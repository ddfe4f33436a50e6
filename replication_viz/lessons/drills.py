"""A failover rehearsed under load: three nights, six targets, and a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import measures
from ..engine import run
from ..scenario import Crash, LinkDelay, Partition, Scenario, ScenarioError, scenarios
from ..trace import MarkKind, Trace

TURNABLE = (
    "ack",
    "controllers",
    "heartbeat_ms",
    "detector",
    "detect_ms",
    "phi",
    "promote",
    "fence",
    "fence_first",
    "lease_ms",
    "lease_wait_ms",
    "cooldown_ms",
)
AT_MS = 1_500.0


@dataclass(frozen=True)
class Target:
    """One thing that a drill asks for: what, what was found, whether that is good enough."""

    asked: str
    found: str
    is_met: bool


@dataclass(frozen=True)
class Rehearsal:
    """How a drill went."""

    targets: tuple[Target, ...]

    @property
    def score(self) -> int:
        """How many targets were met."""
        return sum(target.is_met for target in self.targets)

    def first_missed(self) -> Target | None:
        """Return the first target that was not met, if there is one."""
        return next((target for target in self.targets if not target.is_met), None)

    def __repr__(self) -> str:
        lines = [f"{'✓' if t.is_met else '✗'} {t.asked:58} {t.found}" for t in self.targets]
        return "\n".join([*lines, f"{self.score} of {len(self.targets)}"])


def rehearse(**settings: Any) -> Rehearsal:
    """Return how these settings stand three nights: the leader dies, the network is slow, the leader is cut off.

    Raises
    ------
    ScenarioError
        If a setting is none that an operator may turn here, or does not fit.
    """
    unknown = sorted(set(settings) - set(TURNABLE))
    if unknown:
        raise ScenarioError(f"{unknown[0]!r} is not yours to turn here: these are, {', '.join(TURNABLE)}.")
    drill = scenarios["failover_drill"].but(**settings)
    dead, slow, cut = (run(drill.but(faults=faults)) for faults in _nights(drill))
    died = measures.drill(dead)
    promoted = int((slow.marks.kind == MarkKind.PROMOTED).sum())
    both = measures.two_acknowledge_ms(cut)
    return Rehearsal(
        (
            _within("the leader dies: noticed within 0.6 s", died.detected_ms, 600),
            _within("the leader dies: writes again within 1 s", _outage_ms(dead), 1_000),
            _none("the leader dies: no acknowledged write is lost", died.lost, "lost"),
            _none("the network is slow: nobody is promoted", promoted, "promoted"),
            Target("the leader is cut off: never do two acknowledge", f"{both:,.0f} ms", not both),
            _none("the leader is cut off: no acknowledged write is lost", len(measures.lost(cut)), "lost"),
        )
    )


def _nights(drill: Scenario) -> tuple[tuple[Any, ...], ...]:
    slow = (LinkDelay(source="L", target=name, at_ms=AT_MS, for_ms=2_000, extra_ms=300) for name in drill.standbys)
    return (
        (Crash(node="L", at_ms=AT_MS),),
        tuple(slow),
        (Partition(nodes=("L",), at_ms=AT_MS, for_ms=2_500),),
    )


def _outage_ms(trace: Trace) -> float:
    """Return how long nobody was answered, ms; NaN if nobody ever was again."""
    begin, end = measures.longest_silence(trace)
    return end - begin if end < trace.duration_ms else float("nan")


def _within(asked: str, found_ms: float, limit_ms: float) -> Target:
    return Target(asked, f"{found_ms / 1000:.2f} s" if found_ms == found_ms else "never", found_ms <= limit_ms)


def _none(asked: str, count: int, what: str) -> Target:
    return Target(asked, f"{count:,} {what}", not count)
