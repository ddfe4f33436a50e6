"""What leaders find and readers should hear of: conflicts, what is thrown away, and when all hold the same again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..rows import Found, Record
from ..scenario import Scenario
from ..trace import MarkKind
from .clock import Call, Clock
from .record import Record as Recorder
from .regional import Leader
from .regions import Clients

MOST_TOLD = 200  # the others are counted by the measures


class Findings:
    """The story of a run of several leaders."""

    def __init__(
        self,
        clock: Clock,
        record: Recorder,
        scenario: Scenario,
        clients: Clients,
        logs: Mapping[str, Sequence[Record]],
    ) -> None:
        self._clock = clock
        self._record = record
        self._scenario = scenario
        self._clients = clients
        self._logs = logs
        self._conflicts: list[tuple[float, int, int, Record, Record]] = []
        self._discards: list[tuple[float, int, int, Found]] = []
        self._leaders: Sequence[Leader] = ()
        self._since = 0.0
        self._wanted: list[int] = []
        self._looks = False

    # -- conflicts ----------------------------------------------------------------------------------------------------

    def found(self, node: int, now: float, found: Found) -> None:
        """Note what a leader finds when it takes a write."""
        record = found.record
        peer = self._scenario.node_names.index(record.dot.node)
        for dot in found.others:
            self._conflicts.append((now, node, peer, record, self._logs[dot.node][dot.number - 1]))
        if found.discarded is not None:
            self._discards.append((now, node, peer, found))
        if self._wanted and peer != node and not self._looks:
            self._looks = True
            self._clock.call(0, self._look)  # once all that came with it is applied

    def tell(self) -> None:
        """Mark the first conflicts and the first writes that are thrown away, each once."""
        told: set[frozenset[int]] = set()
        for now, node, peer, one, other in sorted(self._conflicts, key=lambda row: row[0]):
            pair = frozenset((one.number, other.number))
            if pair not in told and len(told) < MOST_TOLD:
                told.add(pair)
                twice = self._scenario.data == "unique_name"
                kind = MarkKind.GIVEN_TWICE if twice else MarkKind.CONFLICT
                self._record.mark(kind, now, _conflict(one, other, twice), node=node, peer=peer)
        gone: set[int] = set()
        for now, node, peer, found in sorted(self._discards, key=lambda row: row[0]):
            if found.discarded is not None and found.discarded.value.number not in gone and len(gone) < MOST_TOLD:
                gone.add(found.discarded.value.number)
                self._record.mark(MarkKind.DISCARDED, now, self._discard(found), node=node, peer=peer)

    def _discard(self, found: Found) -> str:
        assert found.discarded is not None
        assert found.kept is not None
        lost, kept = found.discarded, found.kept
        later = self._clients.made_ms(lost.value.number) - self._clients.made_ms(kept.value.number)
        why = f", though made {later:.3g} ms later" if later > 0 else ""
        return (
            f"row {found.record.key}: write {lost.value.number} of {lost.node} is discarded for "
            f"write {kept.value.number} of {kept.node}{why}"
        )

    # -- convergence --------------------------------------------------------------------------------------------------

    def watch(self, leaders: Sequence[Leader]) -> None:
        """Listen to these leaders."""
        self._leaders = leaders

    def ask(self, event: Call) -> None:
        """From now on wait until all leaders that are up hold what is written by now."""
        self._since = self._clock.now
        self._wanted = [leader.table.flushed for leader in self._leaders]
        if self._all_hold():
            self._wanted = []

    def _look(self, event: Call) -> None:
        self._looks = False
        if self._wanted and self._all_hold():
            text = f"all leaders that are up hold what was written up to {self._since:,.0f} ms"
            self._record.mark(MarkKind.CONVERGED, self._clock.now, text)
            self._wanted = []

    def _all_hold(self) -> bool:
        return all(
            has >= wanted
            for leader in self._leaders
            if leader.up
            for has, wanted in zip(leader.holds, self._wanted, strict=True)
        )


def _conflict(one: Record, other: Record, twice: bool) -> str:
    a, b = sorted((one, other), key=lambda record: record.dot.node)
    if twice:
        return f"name {a.key}: {a.dot.node} gave it to account {a.number}, {b.dot.node} to account {b.number}"
    return (
        f"row {a.key}: write {a.number} of {a.dot.node} and write {b.number} of {b.dot.node} did not know of each other"
    )
