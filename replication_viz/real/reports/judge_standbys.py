"""Who is connected, in which state, and how far behind."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .checklist import Findings, Line, not_known
from .lags import Kind, StandbyLag
from .wording import listed, plain, size, span

ALARM_S = 5.0  # the usual alarm on replay lag: 5 s, sustained
_NOTICED_S = 1.0
_STATES = {
    "catchup": ("warning", "It catches up: it counts for no rule, and a promotion would lose what it lacks."),
    "startup": ("warning", "It has connected and does not stream yet."),
    "stopping": ("warning", "Its sender is stopping."),
    "backup": ("ok", "A base backup runs through this connection; it is no standby."),
}
_MANY = 10


def lines(findings: Findings) -> list[Line]:
    """Return the lines about who is there, their states and their lags."""
    return [*_count(findings), *_states(findings), *_came_and_went(findings), *_lags(findings), *_stuck(findings)]


def _able(findings: Findings) -> list[StandbyLag]:
    return [one for one in findings.present if one.last.may_be_promoted]


def _count(findings: Findings) -> Iterator[Line]:
    able = _able(findings)
    found = listed([one.name for one in able]) or "none"
    if not able:
        yield Line("danger", "standbys", found, "Nobody can take over.")
    elif len(able) == 1:
        yield Line("warning", "standbys", found, "While it is rebuilt, or after a failover, there is none.")
    else:
        yield Line("ok", "standbys", f"{len(able)}: {found}", "After a failover there is still one.")


def _states(findings: Findings) -> Iterator[Line]:
    odd = [one for one in findings.present if one.last.state not in ("streaming", "")]
    for one in odd[:_MANY]:
        status, why = _STATES.get(one.last.state, ("warning", "PostgreSQL has no such state."))
        yield Line("warning" if status == "warning" else "ok", f"state of {plain(one.name, 30)}", one.last.state, why)
    only_receive = [one for one in findings.present if one.last.state == "streaming" and one.last.replayed is None]
    for one in only_receive[:_MANY]:
        yield Line(
            "ok", f"state of {plain(one.name, 30)}", "receives only", "It replays nothing, as pg_receivewal does."
        )
    if findings.present and not odd and not only_receive:
        known = any(one.last.state for one in findings.present)
        yield (
            Line("ok", "state", "all stream", "Nobody is catching up.")
            if known
            else not_known("state", "The samples have no column state.")
        )


def _came_and_went(findings: Findings) -> Iterator[Line]:
    broken = [one for one in findings.standbys if one.samples < one.of]
    if broken:
        found = listed([f"{plain(one.name, 30)} in {one.samples} of {one.of}" for one in broken])
        yield Line("warning", "connections", found, "A standby is missing from some samples: it comes and goes.")


def _lags(findings: Findings) -> Iterator[Line]:
    able = _able(findings)
    if not able:
        return
    yield _lag(able, "flush", "A crash loses what is not received; this is why it has an alarm of its own.")
    yield _lag(able, "replay", "Readers there see the past by as much. A promotion must replay it first.")


def _lag(standbys: list[StandbyLag], kind: Kind, why: str) -> Line:
    known = [one for one in standbys if not math.isnan(one.lags[kind].worst_s)]
    if not known:
        behind = [one for one in standbys if one.lags[kind].behind_bytes.high > 0]
        if behind:
            far = max(behind, key=lambda one: one.lags[kind].behind_bytes.high)
            found = f"{plain(far.name, 30)}: {size(far.lags[kind].behind_bytes.high)}"
            return Line("not known", f"{kind} lag", found, "How long that is cannot be said without a write rate.")
        return Line("ok", f"{kind} lag", "NULL: idle", "Nothing is missing and nothing was written.")
    far = max(known, key=lambda one: (one.lags[kind].usual_s, one.lags[kind].worst_s))
    lag = far.lags[kind]
    found = f"{plain(far.name, 30)}: {span(lag.usual_s)}, at most {span(lag.worst_s)}"
    if lag.usual_s > ALARM_S:
        return Line("danger", f"{kind} lag", found, f"Above {span(ALARM_S)} on average. {why}")
    if lag.worst_s > ALARM_S or lag.usual_s > _NOTICED_S:
        return Line("warning", f"{kind} lag", found, why)
    return Line("ok", f"{kind} lag", found, f"Below {span(_NOTICED_S)}; have an alarm at {span(ALARM_S)}, sustained.")


def _stuck(findings: Findings) -> Iterator[Line]:
    """Find standbys whose replay stood still over all samples while they received log."""
    for one in _able(findings):
        rows = [row for _, row in findings.samples.of(one.name)]
        first, last = rows[0], rows[-1]
        if len(rows) < 2 or not (first.flushed and last.flushed and first.replayed and last.replayed):
            continue
        if first.replayed == last.replayed and last.flushed > first.flushed:
            gap = size(last.flushed - last.replayed)
            why = "Replay stands still while log comes in: paused, or it waits for a query or for a delay that is set."
            yield Line("danger", f"replay of {plain(one.name, 30)}", f"{gap} waiting", why)
