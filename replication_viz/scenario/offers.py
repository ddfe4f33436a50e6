"""Which faults are on offer at each node and at each link: what a menu shows, by topology.

An offer is a fault without a time, its place left open. Every kind of fault that happens somewhere is on offer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .faults import Fault, fault_from

Place = Literal["leader", "replica", "link", "peer"]

_NODE = {"node": "$node"}
_THERE = {"source": "$leader", "target": "$replica"}
_BACK = {"source": "$replica", "target": "$leader"}


@dataclass(frozen=True)
class Offer:
    """A fault that a reader may add.

    Attributes
    ----------
    label, hint : str
        What to do, and what it does.
    when : {"up", "down", "any"}
        Whether it is for a node that is up, for one that is down, or for either.
    fault : dict
        The fault. ``$node`` stands for a name, or on a link ``$leader`` and ``$replica``, ``$one`` and ``$other``.
    """

    label: str
    hint: str
    when: Literal["up", "down", "any"]
    fault: dict[str, Any]

    def at(self, at_ms: float, **names: str) -> Fault:
        """Return the fault at a moment (ms), with names (``node``, or both ends of a link) filled in.

        Raises
        ------
        ScenarioError
            If a name is missing, or the moment is none.

        Examples
        --------
        >>> offers()["replica"][0].at(700, node="s1").sentence()
        's1 crashes'
        """
        known = {f"${name}": value for name, value in names.items()}

        def filled(value: Any) -> Any:
            if isinstance(value, list):
                return [filled(part) for part in value]
            return known.get(value, value) if isinstance(value, str) else value

        return fault_from({name: filled(value) for name, value in self.fault.items()} | {"at_ms": at_ms})


_CRASH = Offer("Crash", "stops at once; what is not on its disk is lost", "up", {"kind": "crash", **_NODE})
_STALL = Offer("Stall the disk", "each flush takes 400 ms", "up", {"kind": "stall_disk", **_NODE, "flush_ms": 400})
_SKEW = Offer("Skew its clock", "it falls 500 ms behind", "up", {"kind": "skew_clock", **_NODE, "by_ms": -500})
_FREEZE = Offer(
    "Freeze for 1 s", "does nothing for 1000 ms, unaware", "up", {"kind": "freeze", **_NODE, "for_ms": 1_000}
)
_RESTART = Offer("Restart", "comes back with what its disk holds", "down", {"kind": "restart", **_NODE})

_STATEMENT = {"kind": "statement"}
_SLOW = {"kind": "link_delay", "extra_ms": 100}

_OFFERS: dict[Place, tuple[Offer, ...]] = {
    "leader": (
        _CRASH,
        _STALL,
        _SKEW,
        _FREEZE,
        Offer("Run DROP TABLE", "and so does every replica", "up", {**_STATEMENT, "what": "drop_table"}),
        Offer("Run DELETE, no WHERE", "all rows go, everywhere", "up", {**_STATEMENT, "what": "delete_rows"}),
        Offer("Run a bad migration", "every row gets a wrong value", "up", {**_STATEMENT, "what": "bad_update"}),
        Offer("Lose archived log", "nobody will notice", "any", {"kind": "lose_archive"}),
        Offer("Cancel waiting commits", "each counts as done, on the leader alone", "up", {"kind": "cancel_waits"}),
        _RESTART,
    ),
    "replica": (
        _CRASH,
        _STALL,
        _SKEW,
        _FREEZE,
        Offer(
            "Slow the replay",
            "10 times slower; reads see old values",
            "up",
            {"kind": "slow_replay", **_NODE, "factor": 10},
        ),
        Offer("Pause the replay", "it receives and flushes on", "up", {"kind": "pause_replay", **_NODE}),
        Offer(
            "Start a long query",
            "replay may have to wait for it",
            "up",
            {"kind": "long_query", **_NODE},
        ),
        Offer("Cut off", "no message gets in or out", "up", {"kind": "partition", "nodes": ["$node"]}),
        Offer("Promote", "leads a new timeline, whoever else does", "up", {"kind": "promote", **_NODE}),
        _RESTART,
        Offer("Drop its slot", "the leader keeps no log for it", "any", {"kind": "drop_slot", **_NODE}),
        Offer("Set up anew", "from a base backup of the leader", "any", {"kind": "rebuild", **_NODE}),
    ),
    "link": (
        Offer("Cut leader → replica", "the log is lost on its way", "any", {"kind": "cut_link", **_THERE}),
        Offer("Cut replica → leader", "acknowledgements are lost", "any", {"kind": "cut_link", **_BACK}),
        Offer("Cut both ways", "nothing gets through", "any", {"kind": "cut_link", **_THERE, "both_ways": True}),
        Offer("Delay leader → replica", "the log takes 100 ms longer", "any", {**_SLOW, **_THERE}),
        Offer("Delay replica → leader", "replies take 100 ms longer", "any", {**_SLOW, **_BACK}),
    ),
}


_ON, _BACK_AGAIN = {"source": "$one", "target": "$other"}, {"source": "$other", "target": "$one"}

_WITHOUT_LEADER: dict[Place, tuple[Offer, ...]] = {
    "peer": (
        _CRASH,
        _STALL,
        Offer("Cut off", "no message gets in or out", "up", {"kind": "partition", "nodes": ["$node"]}),
        _RESTART,
    ),
    "link": (
        Offer("Cut both ways", "nothing gets through", "any", {"kind": "cut_link", **_ON, "both_ways": True}),
        Offer("Cut $one → $other", "what it sends is lost", "any", {"kind": "cut_link", **_ON}),
        Offer("Cut $other → $one", "what it sends is lost", "any", {"kind": "cut_link", **_BACK_AGAIN}),
        Offer("Delay $one → $other", "messages take 100 ms longer", "any", {**_SLOW, **_ON}),
        Offer("Delay $other → $one", "messages take 100 ms longer", "any", {**_SLOW, **_BACK_AGAIN}),
    ),
}

_SEVERAL_LEADERS: dict[Place, tuple[Offer, ...]] = {
    "peer": (
        *_WITHOUT_LEADER["peer"][:2],
        _SKEW,
        *_WITHOUT_LEADER["peer"][2:],
    ),
    "link": _WITHOUT_LEADER["link"],
}

_BY_TOPOLOGY = {"single_leader": _OFFERS, "leaderless": _WITHOUT_LEADER, "multi_leader": _SEVERAL_LEADERS}


def offers(topology: str = "single_leader") -> dict[Place, tuple[Offer, ...]]:
    """Return what is on offer at each place, in the order of a menu; nothing where a topology has no menus yet."""
    return dict(_BY_TOPOLOGY.get(topology, {}))
