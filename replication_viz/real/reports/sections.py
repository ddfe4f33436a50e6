"""What a report says, in sections that a text and a page both draw."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from .checklist import SEVERITY, UNSEEN, Findings, Line, worst_first
from .imitation import Imitation
from .lags import Spread
from .loss import Candidate
from .wording import number, plain, size, span

_NAME = 24


@dataclass(frozen=True)
class Section:
    """A heading, a table and sentences.

    Attributes
    ----------
    title : str
    columns : tuple of str
    rows : tuple of tuple of str
        Each with as many cells as there are columns.
    sentences : tuple of str
    is_wordy : bool
        Whether the last column holds sentences.
    """

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    sentences: tuple[str, ...] = field(default=())
    is_wordy: bool = False


def sections(
    findings: Findings, lines: tuple[Line, ...], imitation: Imitation, notes: tuple[str, ...]
) -> list[Section]:
    """Return the whole report."""
    return [
        _summary(findings, notes),
        _lags(findings),
        _loss(findings),
        _checklist(lines),
        _scenario(imitation),
    ]


def heading(findings: Findings) -> str:
    """Return what the report is about, in a line."""
    each = findings.samples.each
    length = each[-1].at_s - each[0].at_s
    over = f" over {span(length)}" if length > 0 else ""
    count = len(findings.standbys)
    return f"{count} standby{'' if count == 1 else 's'}, {len(each)} sample{'' if len(each) == 1 else 's'}{over}"


def counted(lines: tuple[Line, ...]) -> str:
    """Return how many lines there are of each status, dangers first."""
    counts = Counter(line.status for line in lines)
    return ", ".join(f"{counts[status]} {status}" for status in SEVERITY if counts[status])


def _summary(findings: Findings, notes: tuple[str, ...]) -> Section:
    rate = findings.rate
    if not rate.bytes_per_s.is_known:
        log = "not known: it takes two samples with their times, or bytes_per_s="
    else:
        log = f"{_spread(rate.bytes_per_s, size, '/s')} of log"
    if math.isnan(rate.write_bytes):
        writes = rate.source if rate.bytes_per_s.is_known else "not known"
    else:
        writes = f"{number(rate.writes_per_s)} writes/s of {size(rate.write_bytes)} ({rate.source})"
    rows = (
        ("log written", log),
        ("writes", writes),
        ("a commit waits for", f"{plain(str(findings.rule), 80)} (from {plain(findings.rule.source, 150)})"),
    )
    return Section(f"Replication: {heading(findings)}", ("what", "value"), rows, tuple(notes), is_wordy=True)


def _lags(findings: Findings) -> Section:
    rows = tuple(
        (
            plain(one.name, _NAME),
            kind,
            _spread(lag.reported_s, span) if lag.reported_s.is_known else "NULL",
            _spread(lag.behind_bytes, size),
            _spread(lag.missing_s, span),
        )
        for one in findings.standbys
        for kind, lag in one.lags.items()
    )
    sentences = ["Mean, and smallest to largest of the samples. Missing: by positions, to the end of the log."]
    if any(lag.idle for one in findings.standbys for lag in one.lags.values()):
        sentences.append("NULL: the standby has everything and has been idle; no lag is reported then.")
    sentences.append(
        "A lag as reported is a sample of the past: where nothing moves it stays at its last value. Lag by clock, "
        "now() - pg_last_xact_replay_timestamp(), grows on an idle primary although nothing is missing."
    )
    columns = ("standby", "lag", "as reported", "missing", "missing for at least")
    return Section("Lag", columns, rows, tuple(sentences))


def _loss(findings: Findings) -> Section:
    loss = findings.loss
    rows = []
    for place, one in enumerate(loss.candidates):
        mark = "best" if place == 0 else "worst" if place == len(loss.candidates) - 1 else ""
        rows.append((plain(one.name, _NAME), mark, *_lost(one, findings.rule.waits), size(one.most_bytes)))
    sentences = [loss.sentence]
    if loss.candidates:
        sentences.append(
            "Mean, and smallest to largest of the samples: what clients were told is safe, less what came in while the "
            "answer was on its way back (rate x write_lag / 2). Where the network is the cause, rate x write_lag / 2 "
            "is left."
        )
    columns = ("promoted", "choice", "lost log", "lost writes", "rate x write_lag / 2", "at most")
    return Section("Lost if the primary dies now", columns, tuple(rows), tuple(sentences))


def _lost(one: Candidate, waits: bool) -> tuple[str, str, str]:
    if one.is_safe:
        return "0, by the rule", "0, by the rule", "–"
    return _spread(one.bytes, size), _spread(one.writes, number), "–" if waits else size(one.by_time_bytes.mean)


def _checklist(lines: tuple[Line, ...]) -> Section:
    rows = tuple((line.status, line.name, plain(line.found, 64), line.reason) for line in worst_first(lines))
    columns = ("status", "line", "found", "why")
    return Section(f"Checklist: {counted(lines)}", columns, rows, (UNSEEN,), is_wordy=True)


def _scenario(imitation: Imitation) -> Section:
    return Section(
        "The scenario that imitates it: report.scenario()",
        sentences=tuple(imitation.assumptions),
    )


def _spread(spread: Spread, unit: object, suffix: str = "") -> str:
    if not spread.is_known:
        return "–"
    say = unit if callable(unit) else str
    mean, low, high = (f"{say(value)}{suffix}" for value in (spread.mean, spread.low, spread.high))
    return mean if math.isnan(spread.low) or low == high == mean else f"{mean} ({low} to {high})"
