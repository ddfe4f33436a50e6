"""Session guarantees by the versions of a key: each write makes one, and a read shows one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .history import History
from .operation import Key, Value, shown
from .verdict import MONOTONIC_READS, MONOTONIC_WRITES, READ_YOUR_WRITES, WRITES_FOLLOW_READS, Violation, seen_in

Write = int | None  # the number of a write; None stands for the key before its first


def violations(history: History) -> list[Violation]:
    """Return the violations of all four guarantees, session by session."""
    versions = Versions(history)
    found: list[Violation] = []
    for session, numbers in history.by_session().items():
        found += _Session(history, versions, session).judge(numbers)
    return found


class Versions:
    """Which write a read showed, and which of two writes to a key is the older."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._ends = [operation.end_ms for operation in history]
        self._places = [None if o.lsn is None else (o.term or 0, o.lsn) for o in history]
        self._writers: dict[tuple[Key, Value | None], list[int]] = {}
        for number, operation in enumerate(history):
            if operation.writes:
                self._writers.setdefault((operation.key, operation.value), []).append(number)

    def of(self, read: int) -> list[Write]:
        """Return the writes that a read may have shown: none where nobody in the history wrote what it returned."""
        operation = self._history[read]
        if operation.value is None:
            return [None]
        writers = self.writers(operation.key, operation.value)
        writers = [number for number in writers if self._history[number].call_ms <= self._ends[read]]
        if len(writers) > 1 and (limit := self._places[read]):
            covered = [(place, number) for number in writers if (place := self._places[number]) and place <= limit]
            writers = [max(covered)[1]] if covered else writers
        return [*writers]

    def writers(self, key: Key, value: Value) -> list[int]:
        """Return the writes of a value to a key."""
        return self._writers.get((key, value), [])

    def older(self, one: Write, other: Write) -> bool:
        """Return whether a write to a key surely made an older version than another write to it."""
        if one == other or other is None:
            return False
        if one is None:
            return True
        place, than = self._places[one], self._places[other]
        if place is not None and than is not None:
            return place < than
        return self._ends[one] < self._history[other].call_ms

    def all_older(self, ones: Sequence[Write], others: Iterable[Write]) -> bool:
        """Return whether each of some writes, at least one, is older than each of some others."""
        return bool(ones) and all(self.older(one, other) for other in others for one in ones)

    def text(self, write: Write) -> str:
        """Return a version in words."""
        if write is None:
            return "nothing"
        operation = self._history[write]
        return shown(operation.value) + ("" if operation.lsn is None else f" (LSN {operation.lsn})")


class _Session:
    """One session, as it goes on: by key its newest writes, and the newest read with what it showed."""

    def __init__(self, history: History, versions: Versions, name: str) -> None:
        self._history = history
        self._versions = versions
        self._name = name
        self._wrote: dict[Key, list[int]] = {}
        self._read: dict[Key, tuple[int, list[Write]]] = {}
        self._found: list[Violation] = []

    def judge(self, numbers: Iterable[int]) -> list[Violation]:
        """Return the violations of a session's operations, given in order of the call."""
        for number, answered in self._history.answered_before(numbers):
            for earlier in answered:
                self._note(earlier)
            operation = self._history[number]
            if operation.writes:
                self._judge_write(number)
            elif operation.outcome == "ok" and operation.kind == "read" and operation.seen is None:
                self._judge_read(number)
        return self._found

    def _note(self, number: int) -> None:
        """Take an operation among those that come before the next one."""
        operation, versions = self._history[number], self._versions
        if operation.writes:
            known = self._wrote.get(operation.key, [])
            if not any(versions.older(number, other) for other in known):
                self._wrote[operation.key] = [o for o in known if not versions.older(o, number)] + [number]
        elif operation.kind == "read" and operation.seen is None:
            version = versions.of(number)
            _, newest = self._read.get(operation.key, (number, version))
            if version and not versions.all_older(version, newest):
                self._read[operation.key] = number, version

    def _judge_read(self, number: int) -> None:
        operation, versions = self._history[number], self._versions
        version = versions.of(number)
        for own in self._wrote.get(operation.key, []):
            if versions.all_older(version, [own]):
                wrote = self._history[own]
                why = (
                    f"{self._returned(number, version)}, but {wrote.called(own)} of the same session had put "
                    f"{versions.text(own)} there, answered at {wrote.end_ms:,.1f} ms."
                )
                self._report(READ_YOUR_WRITES, number, own, why)
                break
        before, newest = self._read_before(number)
        if newest and versions.all_older(version, newest):
            earlier = self._history[before]
            why = (
                f"{self._returned(number, version)}, but {earlier.called(before)} of the same session had returned "
                f"{versions.text(newest[0])} {earlier.span()}{_on(earlier.node)}."
            )
            self._report(MONOTONIC_READS, number, before, why)

    def _judge_write(self, number: int) -> None:
        """Compare a write's position; its time tells nothing, for it comes later than what it is compared with."""
        operation, versions = self._history[number], self._versions
        if operation.lsn is None:
            return
        for own in self._wrote.get(operation.key, []):
            if versions.older(number, own):
                wrote = self._history[own]
                why = (
                    f"{self._put(number)}, which is before {versions.text(own)} of {wrote.called(own)}, "
                    f"answered to the same session at {wrote.end_ms:,.1f} ms."
                )
                self._report(MONOTONIC_WRITES, number, own, why)
                break
        before, newest = self._read_before(number)
        if newest and versions.all_older([number], newest):
            earlier = self._history[before]
            why = (
                f"{self._put(number)}, which is before {versions.text(newest[0])} that {earlier.called(before)} "
                f"of the same session had returned {earlier.span()}."
            )
            self._report(WRITES_FOLLOW_READS, number, before, why)

    def _read_before(self, number: int) -> tuple[int, Sequence[Write]]:
        """Return the operation that read the newest version of this one's key so far, and that version; or none."""
        return self._read.get(self._history[number].key, (number, []))

    def _put(self, number: int) -> str:
        operation = self._history[number]
        what = f"put {self._versions.text(number)} into key {operation.key}"
        return f"{operation.called(number)} {operation.span()}{_on(operation.node)} {what}"

    def _returned(self, number: int, version: Sequence[Write]) -> str:
        operation = self._history[number]
        return (
            f"{operation.called(number)} {operation.span()}{_on(operation.node)} returned "
            f"{self._versions.text(version[0])} for key {operation.key}"
        )

    def _report(self, promise: str, number: int, against: int, why: str) -> None:
        self._found.append(seen_in(self._history, promise, why, (number, against), self._name))


def _on(node: str) -> str:
    return f" on {node}" if node else ""
