"""One operation of a client, as a checker sees it: what was asked, what was answered, when and by whom."""

from __future__ import annotations

from math import inf, isfinite
from typing import Literal, NamedTuple, get_args

from ..lsn import Lsn

Kind = Literal["read", "write", "cas"]
Answer = Literal["ok", "failed", "unknown"]
Value = int | str
Key = int | str
Version = int | Lsn

KINDS: tuple[Kind, ...] = get_args(Kind)
ANSWERS: tuple[Answer, ...] = get_args(Answer)
_VERBS: dict[Kind, str] = {"read": "read", "write": "write", "cas": "compare-and-set"}


class HistoryError(ValueError):
    """A history holds an operation that cannot be, or cannot be read. Its text is one sentence."""


class OperationError(HistoryError):
    """An operation cannot be.

    Attributes
    ----------
    number : int
        Which one.
    field, found, allowed : str
        What is wrong, what it is, and what it must be.
    """

    def __init__(self, number: int, field: str, found: str, allowed: str, place: str = "") -> None:
        self.number = number
        self.field, self.found, self.allowed = field, found, allowed
        super().__init__(f"{place or f'{field} of operation {number}'} is {found}: it must be {allowed}.")


class Operation(NamedTuple):
    """What a client did. Times are milliseconds from the start; a key that nobody has written yet holds None.

    Attributes
    ----------
    session : str
        Who asked: a client, or one session of it.
    kind : {"read", "write", "cas"}
        ``cas`` is compare-and-set: put ``value`` in the place of ``expected``, or change nothing.
    key : int or str
        Where.
    value : int, str or None
        The value read, or written; what a ``cas`` wants to put there. Writes of different values can be told apart.
    call_ms : float
        When it was asked, ms.
    return_ms : float or None
        When the answer came, ms. Under the outcome ``unknown`` when the client stopped waiting; None if it never did.
    outcome : {"ok", "failed", "unknown"}
        ``failed`` never happened and never will; ``unknown`` may have happened, may still happen at any later time, or
        never.
    expected : int, str or None
        What a ``cas`` compares with.
    swapped : bool or None
        Whether an answered ``cas`` found what it expected.
    node : str
        Who answered; empty if that is not known.
    lsn : int, Lsn or None
        The position of a write in the log; for a read, of the last write that its node showed.
    term : int or None
        The term (timeline) of the node. A position counts within its term.
    name : str
        What `seen` calls a write.
    seen : tuple of str or None
        Names of the writes that the node held, in the order in which it had applied them.
    """

    session: str
    kind: Kind
    key: Key
    value: Value | None
    call_ms: float
    return_ms: float | None = None
    outcome: Answer = "ok"
    expected: Value | None = None
    swapped: bool | None = None
    node: str = ""
    lsn: Version | None = None
    term: int | None = None
    name: str = ""
    seen: tuple[str, ...] | None = None

    @property
    def end_ms(self) -> float:
        """When its effect was settled, ms: the answer's time, infinite without an answer."""
        return self.return_ms if self.outcome == "ok" and self.return_ms is not None else inf

    @property
    def writes(self) -> bool:
        """Whether it puts its value there, or may have done so."""
        if self.outcome == "failed" or self.kind == "read":
            return False
        return self.kind == "write" or self.outcome == "unknown" or bool(self.swapped)

    def span(self) -> str:
        """Return its time as a text, such as ``at 10.0–11.0 ms``."""
        if self.outcome != "ok" or self.return_ms is None:
            return f"since {self.call_ms:,.1f} ms"
        if self.return_ms == self.call_ms:
            return f"at {self.call_ms:,.1f} ms"
        return f"at {self.call_ms:,.1f}–{self.return_ms:,.1f} ms"

    def did(self) -> str:
        """Return what it did as a text, such as ``returned 1``."""
        if self.kind == "read":
            return f"returned {shown(self.value)}" if self.outcome == "ok" else "had no answer"
        if self.kind == "write":
            return f"wrote {shown(self.value)}"
        place = "the empty key" if self.expected is None else f"the place of {self.expected}"
        if self.outcome != "ok":
            return f"wanted {shown(self.value)} in {place}"
        if self.swapped:
            return f"put {shown(self.value)} in {place}"
        return "found the key not empty" if self.expected is None else f"did not find {self.expected}"

    def called(self, number: int) -> str:
        """Return its name in a sentence, such as ``read 7``: its kind, and its number in the history, from 0."""
        return f"{_VERBS[self.kind]} {number}"

    def line(self, number: int) -> str:
        """Return all of it as a text."""
        where = f" on {self.node}" if self.node else ""
        doubt = {"ok": "", "failed": ", refused", "unknown": ", outcome unknown"}[self.outcome]
        who = f"session {self.session}, key {self.key}"
        return f"{self.called(number)} ({who}) {self.span()}{where} {self.did()}{doubt}"


def shown(value: Value | None) -> str:
    """Return a value as a text; None is nothing."""
    return "nothing" if value is None else str(value)


def check(operation: Operation) -> tuple[str, str, str] | None:
    """Return what is wrong with an operation: the field, its value, and what is allowed; None if nothing is."""
    session, kind, key, value, call_ms, return_ms, outcome, expected, swapped, _, _, _, name, _ = operation
    if kind not in KINDS:
        return "kind", repr(kind), "one of read, write, cas"
    if outcome not in ANSWERS:
        return "outcome", repr(outcome), "one of ok, failed, unknown"
    if not session:
        return "session", repr(session), "a name"
    if key == "":
        return "key", repr(key), "a number or a name"
    if not isfinite(call_ms):
        return "call_ms", f"{call_ms}", "a time in ms"
    if return_ms is None:
        if outcome == "ok":
            return "return_ms", "empty", "a time in ms where the outcome is ok"
    elif not call_ms <= return_ms < inf:
        return "return_ms", f"{return_ms:g}", f"a time in ms from call_ms = {call_ms:g} on"
    if name and (name == "-" or len(name.split()) != 1):
        return "name", repr(name), "a name without blanks"
    if value == "" or (value is None and kind != "read"):
        return "value", repr(value) if value == "" else "empty", f"what the {kind} puts there"
    if kind != "cas":
        if expected is not None or swapped is not None:
            wrong, found = ("expected", expected) if expected is not None else ("swapped", swapped)
            return wrong, str(found).lower(), f"empty: a {kind} compares nothing"
    elif outcome == "ok" and swapped is None:
        return "swapped", "empty", "true or false where a cas was answered"
    return None
