"""Settings that a failover relies on: flushes, page images, the way back for an old primary, timeouts, limits."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .checklist import Findings, Line, not_known
from .wording import span

_LONG_TIMEOUT_S = 60.0
_SHORT_TIMEOUT_S = 5.0
_SPARE = 2  # a base backup takes one sender, a standby that reconnects a second one


def lines(findings: Findings) -> list[Line]:
    """Return the lines about the server's own settings."""
    return [
        *_switches(findings),
        *_rewind(findings),
        *_level(findings),
        *_timeout(findings),
        *_senders(findings),
        *_places(findings),
        *_queries(findings),
        *_delay(findings),
    ]


def _switches(findings: Findings) -> Iterator[Line]:
    for name, if_off, if_on in (
        ("fsync", "A crash may destroy the database, and nothing that a commit promises holds.", "Flushes are real."),
        (
            "full_page_writes",
            "A page torn by a crash cannot be repaired, here or on a standby that got it by pg_rewind.",
            "Torn pages are repaired after a crash.",
        ),
    ):
        is_on = findings.settings.is_on(name)
        if is_on is None:
            yield not_known(name)
        else:
            status, why = ("ok", if_on) if is_on else ("danger", if_off)
            yield Line("ok" if status == "ok" else "danger", name, findings.settings.shown(name), why)


def _rewind(findings: Findings) -> Iterator[Line]:
    hints, sums = findings.settings.is_on("wal_log_hints"), findings.settings.is_on("data_checksums")
    name = "wal_log_hints, data_checksums"
    shown = ", ".join(findings.settings.shown(one) for one in ("wal_log_hints", "data_checksums"))
    if hints or sums:
        yield Line("ok", name, shown, "pg_rewind can bring an old primary back as a standby.")
    elif hints is None or sums is None:
        yield Line("not known", name, shown, "pg_rewind needs one of them; one is not known.")
    else:
        why = "pg_rewind needs one of them: without, an old primary comes back by a new base backup only."
        yield Line("warning", name, shown, why)


def _level(findings: Findings) -> Iterator[Line]:
    level = findings.settings.text("wal_level")
    if level is None:
        yield not_known("wal_level")
    elif level.lower() == "minimal":
        yield Line("danger", "wal_level", level, "No standby can follow: the log lacks what it needs.")
    else:
        yield Line("ok", "wal_level", findings.settings.shown("wal_level"), "The log holds what standbys need.")


def _timeout(findings: Findings) -> Iterator[Line]:
    name = "wal_sender_timeout"
    timeout, shown = findings.settings.seconds(name), findings.settings.shown(name)
    if math.isnan(timeout):
        yield not_known(name)
    elif timeout <= 0:
        why = "A standby behind a dead link is never dropped: FIRST waits for it for ever, and a slot stays active."
        yield Line("danger", name, shown, why)
    elif timeout > _LONG_TIMEOUT_S:
        yield Line("warning", name, shown, f"A silent standby counts as connected for {span(timeout)}.")
    elif timeout < _SHORT_TIMEOUT_S:
        yield Line("warning", name, shown, "A short hiccup of the network drops a standby, which then must catch up.")
    else:
        yield Line("ok", name, shown, "A silent standby is dropped after this; under FIRST commits wait as long.")


def _senders(findings: Findings) -> Iterator[Line]:
    limit, used = findings.settings.number("max_wal_senders"), len(findings.samples.last.standbys)
    if math.isnan(limit):
        yield not_known("max_wal_senders")
    elif limit - used < _SPARE:
        why = "A base backup, or a standby that comes back before its old connection is dropped, finds no place."
        yield Line("warning", "max_wal_senders", f"{used} of {limit:.0f} used", why)
    else:
        yield Line("ok", "max_wal_senders", f"{used} of {limit:.0f} used", "There is room to rebuild a standby.")


def _places(findings: Findings) -> Iterator[Line]:
    limit = findings.settings.number("max_replication_slots")
    if findings.slots is None or math.isnan(limit):
        return
    used = len(findings.slots)
    if used and used >= limit:
        why = "No slot is left for another standby."
        yield Line("warning", "max_replication_slots", f"{used} of {limit:.0f} used", why)


def _queries(findings: Findings) -> Iterator[Line]:
    """Judge feedback against patience; a standby may have values of its own."""
    delay = findings.settings.seconds("max_standby_streaming_delay")
    feedback = findings.settings.is_on("hot_standby_feedback")
    name = "queries on standbys"
    if feedback is None or math.isnan(delay):
        yield not_known(name, "hot_standby_feedback or max_standby_streaming_delay is not among the settings.")
        return
    found = f"feedback {'on' if feedback else 'off'}, delay {findings.settings.shown('max_standby_streaming_delay')}"
    here = "Judged by the primary's values; a standby may have its own."
    if feedback:
        why = "A long query on a standby keeps dead rows on the primary."
        yield Line("warning" if delay < 0 else "ok", name, found, f"{why} {here}")
    elif delay < 0:
        yield Line("danger", name, found, f"A query stops replay for as long as it runs, without limit. {here}")
    elif delay > _LONG_TIMEOUT_S:
        yield Line("warning", name, found, f"A query may stop replay for {span(delay)}, then it is cancelled. {here}")
    else:
        yield Line("ok", name, found, f"A query may stop replay for {span(delay)}, then it is cancelled. {here}")


def _delay(findings: Findings) -> Iterator[Line]:
    name = "recovery_min_apply_delay"
    delay = findings.settings.seconds(name)
    if delay > 0 and findings.rule.waits and findings.rule.level == "remote_apply":
        yield Line("danger", name, findings.settings.shown(name), "Under remote_apply every commit waits for it.")
    elif delay > 0:
        why = "Replay is held back on purpose: a rescue from mistakes, and stale for readers."
        yield Line("ok", name, findings.settings.shown(name), why)
