"""Whom a commit waits for: is it somebody who is there, and is there anybody to spare?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ...scenario import SyncRule
from .checklist import Findings, Line, not_known
from .wording import listed, number, plain, size, span

_NAMES = "synchronous_standby_names"
_LEVELS = ("off", "local", "remote_write", "on", "remote_apply")
_SLOW_REPLAY_S = 1.0
_WRITER_ROUNDS = 3  # without a flush the log is on disk after at most three rounds of the WAL writer


def lines(findings: Findings) -> list[Line]:
    """Return the lines about `synchronous_standby_names` and `synchronous_commit`."""
    return [*_rule(findings), *_level(findings), *_shared_names(findings)]


def _rule(findings: Findings) -> Iterator[Line]:
    value = findings.settings.text(_NAMES)
    rule = findings.rule
    found = f"'{plain(value)}'" if value is not None else "–"
    if value is None:
        yield not_known(_NAMES, f"It is not among the settings that were given. Known from {rule.source}.")
    if rule.names is None:
        yield Line("danger", _NAMES, found, f"PostgreSQL does not take it: {plain(rule.error)}.")
    elif rule.names.count:
        yield from _pool(findings, rule.names, plain(value or rule.names.setting()[1:-1]))
    elif value is not None:
        yield Line("warning", _NAMES, found, f"No commit waits for a standby. A crash now loses {_at_risk(findings)}.")


def _at_risk(findings: Findings) -> str:
    best = findings.loss.best
    if best is None:
        return "everything: there is nobody to promote"
    if best.writes.is_known:
        return f"about {number(best.writes.mean)} writes, with the best standby promoted"
    if best.bytes.is_known:
        return f"about {size(best.bytes.mean)} of log, with the best standby promoted"
    return "what is on its way"


def _pool(findings: Findings, names: SyncRule, found: str) -> Iterator[Line]:
    rows = findings.samples.last.standbys
    present = [row for row in rows if names.place(row.application)]
    streaming = [row for row in present if row.state in ("streaming", "")]
    connected = {row.application.lower() for row in rows}
    absent = [name for name in names.names if name != "*" and name.lower() not in connected]
    if len(streaming) < names.count:
        short = f"{names.count} needed, {len(streaming)} listed and streaming"
        yield Line("danger", "standbys for the rule", short, f"Every commit waits for ever.{_missing(absent)}")
    elif absent:
        yield Line(
            "warning", "names in the rule", listed(absent), "Listed and not connected under this application_name."
        )
    else:
        yield Line("ok", "names in the rule", found, "Everyone who is named is connected.")
    yield _spare(names, len(streaming), found)
    if names.names.count("*"):
        yield Line(
            "warning", "* in the rule", found, "Anything that connects counts: a far standby, one made by mistake."
        )


def _missing(absent: list[str]) -> str:
    return f" Not connected under this application_name: {listed(absent)}." if absent else ""


def _spare(names: SyncRule, streaming: int, found: str) -> Line:
    named = streaming if "*" in names.names else len({name.lower() for name in names.names})
    if named <= names.count:
        each = "its one standby" if names.count == 1 else f"each of {names.count} standbys"
        why = f"Commits need {each}: less available than async. Name a pool: ANY {names.count} over more."
        return Line("danger", "spare in the rule", f"{found}: none", why)
    if streaming <= names.count:
        why = "One more standby that stops, and every commit waits."
        return Line("warning", "spare in the rule", f"{streaming} streaming, {names.count} needed", why)
    if names.method == "first":
        why = (
            "FIRST waits for a slow standby as long as it is connected, and passes over a dead one only. ANY does not."
        )
        return Line("warning", "spare in the rule", found, why)
    return Line("ok", "spare in the rule", f"{streaming} streaming, {names.count} needed", "One may stop unnoticed.")


def _level(findings: Findings) -> Iterator[Line]:
    name, level = "synchronous_commit", findings.settings.commit_level()
    names = findings.rule.names
    is_named = names is not None and names.count > 0
    if level is None:
        yield not_known(name)
    elif level not in _LEVELS:
        yield Line(
            "danger", name, plain(level), f"PostgreSQL does not take it: it must be one of {', '.join(_LEVELS)}."
        )
    elif level == "off":
        delay = findings.settings.seconds("wal_writer_delay")
        lost = f"up to {span(_WRITER_ROUNDS * delay)} of" if delay > 0 else "the last"
        yield Line("danger", name, level, f"A crash of the primary loses {lost} acknowledged writes, standby or not.")
    elif level == "local" and is_named:
        yield Line("danger", name, level, "Standbys are named and no commit waits for them: the names do nothing.")
    elif level == "remote_write" and is_named:
        why = "A commit returns before the standby's flush: if both machines lose power, it may be gone."
        yield Line("warning", name, level, why)
    elif level == "remote_apply" and is_named and _slowest_replay(findings) > _SLOW_REPLAY_S:
        why = f"Commits wait for replay, and a standby in the rule is {span(_slowest_replay(findings))} behind."
        yield Line("warning", name, level, why)
    else:
        what = "The rule holds." if is_named else "Each commit is on the primary's disk before it returns."
        yield Line("ok", name, level, f"{what} A session may set it lower for itself.")


def _slowest_replay(findings: Findings) -> float:
    names = findings.rule.names
    waited = [one for one in findings.present if names is not None and names.place(one.last.application)]
    return max((one.lags["replay"].usual_s for one in waited), default=0.0)


def _shared_names(findings: Findings) -> Iterator[Line]:
    counts = Counter(row.application.lower() for row in findings.samples.last.standbys)
    shared = [name for name, count in counts.items() if count > 1]
    if shared:
        why = "Several standbys share an application_name: a rule cannot tell them apart, nor can an alarm."
        yield Line("warning", "application_name", listed(shared), why)
