"""The scenario that imitates what the samples show, and in words what had to be assumed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...scenario import Scenario
from ...scenario.model import NodeSettings
from .checklist import Findings
from .lags import StandbyLag
from .wording import listed, number, plain, span

MOST_REPLICAS = 7
_LAST_NAME = 9  # a scenario knows s1 to s9
_MB = 2**20
_WRITES = 20_000  # simulated; more are taken together
_SHORTEST_MS, _LONGEST_MS = 2_000.0, 3_600_000.0
_NOTICEABLE_S = 0.02


@dataclass
class Imitation:
    """A scenario in the making.

    Attributes
    ----------
    names : dict of str to str
        The scenario's name of each standby → its own.
    assumptions : list of str
        A sentence each.
    """

    findings: Findings
    names: dict[str, str] = field(default_factory=dict)
    assumptions: list[str] = field(default_factory=list)
    _values: dict[str, Any] = field(default_factory=dict)

    def scenario(self) -> Scenario:
        """Return the scenario."""
        return Scenario(**self._values)

    def assume(self, sentence: str) -> None:
        """Note what the samples do not tell."""
        self.assumptions.append(sentence)

    def set(self, name: str, value: float | None) -> None:
        """Set a number, held within its range; nothing where it is not known."""
        if value is not None and not math.isnan(value):
            self._values[name] = self._within(Scenario, name, value)

    def _within(self, model: type[Scenario | NodeSettings], name: str, value: float) -> float:
        limits = model.model_fields[name].metadata
        low = max((m.ge for m in limits if hasattr(m, "ge")), default=-math.inf)
        high = min((m.le for m in limits if hasattr(m, "le")), default=math.inf)
        held = min(max(value, low), high)
        if held != value:
            self.assume(f"{name} would be {number(value)}; a scenario has {number(held)} at {_end(held, low)}.")
        return held


def imitate(findings: Findings) -> Imitation:
    """Return a scenario with the same rule, standbys, delays, load and retention, as far as they are known."""
    made = Imitation(findings)
    made._values.update(name="yours", title="As in your samples", seed=1, network_shape="constant")
    standbys = _standbys(made)
    _rule(made, standbys)
    _load(made)
    _nodes(made, standbys)
    _log(made)
    _queries(made)
    _length(made)
    made.assume(
        "Flush time of the primary, bandwidth, clients and keys are not in the samples: they have the scenario's "
        "defaults. The network's delays are constant: what was measured includes waiting for late packets."
    )
    return made


def _end(held: float, low: float) -> str:
    return "least" if held == low else "most"


def _standbys(made: Imitation) -> list[StandbyLag]:
    able = [one for one in made.findings.present if one.last.may_be_promoted]
    rule = made.findings.rule.names
    able.sort(key=lambda one: not (rule is not None and rule.place(one.last.application)))
    left = [plain(one.name, 30) for one in able[MOST_REPLICAS:]]
    if left:
        made.assume(f"{MOST_REPLICAS} standbys are shown; left out are {listed(left)}.")
    others = [plain(one.name, 30) for one in made.findings.present if not one.last.may_be_promoted]
    if others:
        made.assume(f"{listed(others)} replays nothing and is left out.")
    chosen = able[:MOST_REPLICAS]
    made.names = {f"s{i}": one.name for i, one in enumerate(chosen, start=1)}
    made._values["replicas"] = len(chosen)
    renamed = [f"{label} is {plain(name, 30)}" for label, name in made.names.items() if label != name]
    if renamed:
        made.assume(f"{listed(renamed, MOST_REPLICAS)}.")
    return chosen


def _rule(made: Imitation, standbys: list[StandbyLag]) -> None:
    rule, level = made.findings.rule.names, made.findings.rule.level
    if made.findings.settings.text("synchronous_standby_names") is None:
        made.assume(f"The rule is taken from {made.findings.rule.source}.")
    if rule is None or not rule.count:
        made._values["ack"] = "async"
        if rule is None:
            made.assume("synchronous_standby_names cannot be read: async is assumed.")
    else:
        made._values["ack"] = f"{rule.method.upper()} {rule.count} ({', '.join(_labels(made, standbys))})"
    if level == "off":
        made.assume("synchronous_commit = off is played as local: a scenario always flushes before it answers.")
    known = ("local", "remote_write", "on", "remote_apply")
    made._values["level"] = level if level in known else "local" if level == "off" else "on"


def _labels(made: Imitation, standbys: list[StandbyLag]) -> list[str]:
    """Return the names of the rule as the scenario has them; who is not connected gets a name that nobody has."""
    rule = made.findings.rule.names
    labels: list[str] = []
    free = len(standbys)
    absent = []
    for name in rule.names if rule else ():
        here = [f"s{i}" for i, one in enumerate(standbys, start=1) if one.last.application.lower() == name.lower()]
        if name == "*":
            here = ["*"]
        if not here:
            absent.append(plain(name, 30))
            free = min(free + 1, _LAST_NAME)
            here = [f"s{free}"]
        labels += [label for label in here if label not in labels]
    if absent:
        made.assume(f"{listed(absent)} of the rule is not connected: it stands in the rule and not among the replicas.")
    return labels


def _load(made: Imitation) -> None:
    rate = made.findings.rate
    per_s = rate.bytes_per_s.mean
    usual = float(Scenario.model_fields["record_bytes"].default)
    if per_s == 0:
        made.assume("Nothing was written while the samples were taken: the scenario has no writes either.")
        made.set("rate_per_s", 0)
    elif math.isnan(per_s):
        made.assume("The write rate is not known: 200 writes/s of 200 B are assumed.")
    elif math.isnan(rate.write_bytes):
        made.assume(f"The size of a write is not known: {usual:g} B are assumed, so {number(per_s / usual)} writes/s.")
        made.set("rate_per_s", per_s / usual)
    else:
        made.assume(f"Writes are counted by {rate.source}.")
        made.set("rate_per_s", rate.writes_per_s)
        made.set("record_bytes", rate.write_bytes)


def _nodes(made: Imitation, standbys: list[StandbyLag]) -> None:
    nodes: dict[str, NodeSettings] = {}
    for label, one in zip(made.names, standbys, strict=True):
        own: dict[str, float] = {}
        for name, value_ms in _node(made, label, one).items():
            own[name] = made._within(NodeSettings, name, value_ms)
        if own:
            nodes[label] = NodeSettings(**own)
    made._values["nodes"] = nodes
    if standbys and any(not math.isnan(one.lags["write"].reported_s.mean) for one in standbys):
        made.assume("The network takes half of write_lag each way: the standby's own part in it is not known.")


def _node(made: Imitation, label: str, one: StandbyLag) -> dict[str, float]:
    """Return how one standby differs, ms."""
    write, flush, replay = (one.lags[kind] for kind in ("write", "flush", "replay"))
    round_trip, own = write.reported_s.mean, {}
    if math.isnan(round_trip):
        made.assume(f"write_lag of {label} is NULL throughout: it was idle, and a network delay of 0.5 ms is assumed.")
        round_trip = 0.0
    else:
        own["network_ms"] = 500 * round_trip
    stuck = write.missing_s.mean - round_trip
    if stuck > max(_NOTICEABLE_S, round_trip / 2):
        own["lag_ms"] = 1_000 * stuck
        made.assume(f"{label} lacks log for {span(stuck)} beyond its round trip: a constant extra delay stands for it.")
    disk = flush.reported_s.mean - write.reported_s.mean
    if disk > 0:
        own["flush_ms"] = max(0.01, 1_000 * disk)
    behind = replay.usual_s
    if behind - flush.usual_s > _NOTICEABLE_S:
        own["apply_delay_ms"] = 1_000 * behind
        made.assume(f"Replay of {label} is {span(behind)} late: a fixed apply delay stands for whatever causes it.")
    return own


def _log(made: Imitation) -> None:
    settings, slots = made.findings.settings, made.findings.slots
    sizes: dict[str, Callable[[], float]] = {
        "wal_keep_mb": settings.kept_bytes,
        "max_wal_mb": lambda: settings.size("max_wal_size"),
        "segment_mb": lambda: settings.size("wal_segment_size"),
    }
    for name, read in sizes.items():
        made.set(name, read() / _MB)
    limit = settings.size("max_slot_wal_keep_size")
    made.set("max_slot_wal_keep_mb", limit if limit == -1 else limit / _MB)
    made.set("checkpoint_ms", 1_000 * settings.seconds("checkpoint_timeout"))
    if slots is None:
        made.assume("Whether there are replication slots is not known: none are assumed.")
    else:
        made._values["slots"] = any(slot.kind in ("physical", "") for slot in slots)
    mode = settings.text("archive_mode")
    made._values["archive"] = mode is not None and mode.lower() in ("on", "always")


def _queries(made: Imitation) -> None:
    settings = made.findings.settings
    feedback = settings.is_on("hot_standby_feedback")
    if feedback is not None:
        made._values["hot_standby_feedback"] = feedback
    delay = settings.seconds("max_standby_streaming_delay")
    made.set("max_standby_streaming_delay_ms", -1 if delay < 0 else 1_000 * delay)
    timeout = settings.seconds("wal_sender_timeout")
    if timeout == 0:
        made.assume("wal_sender_timeout = 0 never drops a standby: a day stands for it.")
        timeout = 86_400.0
    made.set("wal_sender_timeout_ms", 1_000 * timeout)
    if not settings.values and not settings.is_file:
        made.assume("No settings were given: retention, timeouts and the level are the scenario's defaults.")


def _length(made: Imitation) -> None:
    """Make the run long enough to show the longest delay, and coarse enough to be quick."""
    delays = [
        (own.network_ms or 0) + (own.lag_ms or 0) + (own.apply_delay_ms or 0) for own in made._values["nodes"].values()
    ]
    duration = min(max(_SHORTEST_MS, 4 * max(delays, default=0.0)), _LONGEST_MS)
    made._values["duration_ms"] = float(math.ceil(duration))
    rate = made._values.get("rate_per_s", Scenario.model_fields["rate_per_s"].default)
    grain = math.ceil(rate * duration / 1_000 / _WRITES)
    if grain > 1:
        made._values["grain"] = grain
        made.assume(f"{number(grain)} writes are simulated as one, to keep it quick.")
