"""PostgreSQL's grammar of ``synchronous_standby_names``, and this project's two short words for it.

Here a text becomes a rule. What the rule means for a commit is decided in ``engine.ack``.

Source: PostgreSQL, ``src/backend/replication/syncrep_scanner.l`` and ``syncrep_gram.y``; the corner cases were
seen on live servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from .errors import ScenarioError

Method = Literal["async", "first", "any"]

_TOKEN = re.compile(
    r"""(?P<space>[ \t\n\r\f\v]+)
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<name>[A-Za-z\x80-\U0010ffff_][A-Za-z\x80-\U0010ffff_0-9$]*)
      | (?P<number>[0-9]+)
      | (?P<star>\*)
      | (?P<mark>[,()])""",
    re.VERBOSE,
)
_PLAIN = re.compile(r"(?!(?:any|first)$)[a-z_][a-z_0-9]*", re.IGNORECASE)


class SyncNamesError(ScenarioError):
    """The text is not a value of ``synchronous_standby_names``.

    Attributes
    ----------
    sqlstate : str
        ``42601`` for a syntax error, ``22023`` for a count below one, as PostgreSQL reports them.
    detail : str
        PostgreSQL's own words.
    """

    def __init__(self, text: str, detail: str, sqlstate: str = "42601") -> None:
        self.detail = detail
        self.sqlstate = sqlstate
        super().__init__(
            f"ack is {text!r}: {detail}; allowed are 'async', 'all', and what synchronous_standby_names takes, "
            "such as 's1', 'FIRST 2 (s1, s2, s3)' or 'ANY 1 (*)'."
        )


@dataclass(frozen=True)
class SyncRule:
    """Which standbys a commit waits for.

    Attributes
    ----------
    method : {"async", "first", "any"}
        Wait for none, for the first ``count`` by priority, or for any ``count``.
    count : int
        How many acknowledgements a commit needs; 0 under ``async``.
    names : tuple of str
        The list in its order; ``*`` stands for every standby.
    """

    method: Method
    count: int
    names: tuple[str, ...]

    def place(self, standby: str) -> int:
        """Return the position of a standby in the list, from 1, or 0 if it is not listed.

        Names are compared without regard to case, even quoted ones, as the server does.
        """
        for position, name in enumerate(self.names, start=1):
            if name == "*" or name.lower() == standby.lower():
                return position
        return 0

    def priority(self, standby: str) -> int:
        """Return ``sync_priority`` as ``pg_stat_replication`` shows it: every listed standby has 1 under ``ANY``."""
        place = self.place(standby)
        return min(place, 1) if self.method == "any" else place

    def candidates(self, standbys: Iterable[str]) -> list[str]:
        """Return the listed ones among ``standbys``, best priority first; ties keep the given order."""
        listed = [s for s in standbys if self.place(s)]
        return sorted(listed, key=self.place) if self.method == "first" else listed

    def states(self, standbys: Iterable[str]) -> dict[str, str]:
        """Return ``sync_state`` of each connected standby: async, potential, sync or quorum."""
        standbys = list(standbys)
        chosen = self.candidates(standbys)
        state = dict.fromkeys(standbys, "async")
        for rank, name in enumerate(chosen):
            sync = "sync" if rank < self.count else "potential"
            state[name] = "quorum" if self.method == "any" else sync
        return state

    def setting(self) -> str:
        """Return the rule as PostgreSQL spells it."""
        if self.method == "async":
            return "''"
        names = ", ".join(name if name == "*" or _PLAIN.fullmatch(name) else _quoted(name) for name in self.names)
        value = f"{self.method.upper()} {self.count} ({names})"
        return "'" + value.replace("'", "''") + "'"


def parse(text: str) -> SyncRule:
    """Return the rule that PostgreSQL reads from a value of ``synchronous_standby_names``.

    Raises
    ------
    SyncNamesError
        With the server's own words and code, if the server would reject the value.
    """
    if text == "":
        return SyncRule("async", 0, ())
    tokens = list(_tokens(text))
    method: Method = "first"
    count = "1"
    kind, word = tokens[0]
    if kind == "keyword":
        method = "any" if word.lower() == "any" else "first"
        _expect(text, tokens, 1, "number")
        count, names = tokens[1][1], _bracketed(text, tokens, 2)
    elif kind == "number" and tokens[1] == ("mark", "("):
        count, names = word, _bracketed(text, tokens, 1)
    else:
        names, end = _list(text, tokens, 0)
        _expect(text, tokens, end, "end")
    number = _atoi(count)
    if number <= 0:
        detail = f"number of synchronous standbys ({number}) must be greater than zero"
        raise SyncNamesError(text, detail, "22023")
    return SyncRule(method, number, tuple(names))


def rule(ack: str, replicas: int) -> SyncRule:
    """Return the rule for a scenario's ``ack``: ``async``, ``all``, or PostgreSQL's own text.

    Parameters
    ----------
    ack : str
        The acknowledgement rule.
    replicas : int
        How many there are; ``all`` waits for that many.
    """
    word = ack.strip().lower()
    if word == "async" or (word == "all" and replicas == 0):
        return SyncRule("async", 0, ())
    if word == "all":
        return SyncRule("any", replicas, ("*",))
    return parse(ack)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None and text[at] == '"':
            raise SyncNamesError(text, "unterminated quoted identifier at end of input")
        if match is None:
            yield "junk", text[at]
            at += 1
            continue
        kind, word = str(match.lastgroup), match.group()
        at = match.end()
        if kind == "name" and word.lower() in ("any", "first"):
            yield "keyword", word
        elif kind == "quoted":
            yield "name", word[1:-1].replace('""', '"')
        elif kind == "star":
            yield "name", "*"
        elif kind != "space":
            yield kind, word
    yield "end", ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _expect(text: str, tokens: list[tuple[str, str]], at: int, kind: str, word: str | None = None) -> None:
    found, what = tokens[at]
    if found != kind or (word is not None and what != word):
        near = "at end of input" if found == "end" else f'at or near "{what}"'
        raise SyncNamesError(text, f"syntax error {near}")


def _bracketed(text: str, tokens: list[tuple[str, str]], at: int) -> list[str]:
    _expect(text, tokens, at, "mark", "(")
    names, at = _list(text, tokens, at + 1)
    _expect(text, tokens, at, "mark", ")")
    _expect(text, tokens, at + 1, "end")
    return names


def _list(text: str, tokens: list[tuple[str, str]], at: int) -> tuple[list[str], int]:
    names = []
    while True:
        if tokens[at][0] != "number":
            _expect(text, tokens, at, "name")
        names.append(tokens[at][1])
        if tokens[at + 1] != ("mark", ","):
            return names, at + 1
        at += 2


def _atoi(digits: str) -> int:
    """Return the count as C's ``atoi`` on a 64-bit server reads it: the low 32 bits, signed."""
    low = min(int(digits.lstrip("0")[:20] or "0"), 2**63 - 1) & 0xFFFFFFFF
    return low - 2**32 if low >= 2**31 else low
