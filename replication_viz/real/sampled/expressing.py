"""What no database that is only asked can be made to do, whatever its make."""

from __future__ import annotations

from ...scenario import Change, Scenario

_ONLY = {  # field: the one value that a real run can have
    "topology": "single_leader",
    "servers": 0,
    "grain": 1,
    "reads_per_s": 0.0,
    "reread_ms": -1.0,
    "session": "none",
    "apply_delay_ms": 0.0,
    "archive": False,
    "slots": False,
    "controllers": "",
    "fence": "none",
    "clock_drift": 0.0,
}
_MOST_MS = 120_000


def refused(
    scenario: Scenario, make: str, possible: tuple[type, ...], settings: tuple[str, ...], most_per_s: float
) -> list[str]:
    """Return one sentence for each thing in a scenario that no such servers can do.

    Parameters
    ----------
    make : str
        Whose servers, such as "Valkey".
    possible : tuple of classes of faults
        What they can be given.
    settings : tuple of str
        What a `Change` may set.
    most_per_s : float
        How many writes a second the clients reach.
    """
    found = [
        f"{name} is {value!r}: on real {make} servers it must be {only!r}."
        for name, only in _ONLY.items()
        if (value := getattr(scenario, name)) != only
    ]
    if scenario.arrivals == "closed":
        found.append(f"arrivals is 'closed': writes to real {make} servers arrive on their own.")
    if any(own.follows for own in scenario.nodes.values()):
        found.append("a replica that follows a replica is not built here.")
    for fault in scenario.timeline:
        if not isinstance(fault, possible):
            found.append(f"real {make} servers cannot be given a {fault.kind}.")
        elif isinstance(fault, Change) and fault.setting not in settings:
            found.append(f"a change of {fault.setting} is not possible: this machine decides it.")
    rates = [scenario.rate_per_s]
    rates += [float(f.value) for f in scenario.faults if isinstance(f, Change) and f.setting == "rate_per_s"]
    if max(rates) > most_per_s:
        found.append(f"rate_per_s is {max(rates):g}: the clients here reach {most_per_s:,} writes/s.")
    if scenario.duration_ms > _MOST_MS:
        found.append(f"duration_ms is {scenario.duration_ms:g}: a real run lasts as long, at most {_MOST_MS:,} ms.")
    return found


def changed(scenario: Scenario, setting: str) -> list[str]:
    """Return every value that a setting has in the course of a run."""
    changes = [f.value for f in scenario.faults if isinstance(f, Change) and f.setting == setting]
    return [str(getattr(scenario, setting)), *map(str, changes)]
