"""A panel with the browser's end in hand: a test sends the stage's messages and sees what comes back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from replication_viz import Scenario, Trace
from replication_viz.panels import Lab

SHORT = Scenario(duration_ms=300, rate_per_s=100, reads_per_s=50)
KNOBS = ("ack", "replicas", "lag_ms", "partition", "partition_for_ms", "rate_per_s", "seed")
TURNS: list[dict[str, Any]] = [
    {"seed": 4},
    {"lag_ms": 35},
    {"ack": "ANY 2"},
    {"ack": "async"},
    {"rate_per_s": 500},
    {"partition": "s1, s2"},
]
CUT = SHORT.but(partition="s1", partition_at_ms=100, partition_for_ms=150)
CRASH = {"kind": "crash", "node": "s1", "at_ms": 100}


class Panel:
    """A Lab with the browser's end in hand."""

    def __init__(self, scenario: Scenario = SHORT, **keywords: Any) -> None:
        self.lab = Lab(scenario, **{"knobs": KNOBS, **keywords})
        self.sent: list[dict[str, Any]] = []
        self.files: list[Any] = []
        self.lab.stage.send = self._sent

    def _sent(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.sent.append(content)
        self.files.append(buffers)

    def ask(self, message: Any = None, **content: Any) -> dict[str, Any]:
        """Send a message as the browser does, and return the bench."""
        before = len(self.sent)
        self.lab.stage._handle_custom_msg(content if message is None else message, [])
        assert self.sent[before:] == [], "the panel refused"
        return self.bench

    def refused(self, message: Any = None, **content: Any) -> str:
        """Send a message that must be refused, and return the sentence; nothing may be lost."""
        lab = self.lab
        before = (lab.scenario, lab.trace, lab.was, lab.stage.payload, lab.stage.was, json.dumps(self.bench))
        standing = {name: knob.value for name, knob in lab.knobs.items()}
        self.sent.clear()
        lab.stage._handle_custom_msg(content if message is None else message, [])
        assert before == (lab.scenario, lab.trace, lab.was, lab.stage.payload, lab.stage.was, json.dumps(self.bench))
        assert standing == {name: knob.value for name, knob in lab.knobs.items()}
        assert [sent["did"] for sent in self.sent] == ["sorry"]
        text: str = self.sent.pop()["text"]
        assert text in lab.message
        assert "\n" not in text
        assert text.endswith((".", "?"))
        return text

    @property
    def bench(self) -> dict[str, Any]:
        bench: dict[str, Any] = self.lab.stage.bench
        return bench

    def turn(self, **values: Any) -> None:
        for name, value in values.items():
            self.lab.knobs[name].value = value

    def stand(self, at_ms: float) -> None:
        """Let the clock rest at a moment, as the browser tells it."""
        self.lab.stage.set_state({"moment": at_ms, "playing": False})

    def onward(self, at_ms: float) -> None:
        self.stand(at_ms)
        self.lab.onward.value = True

    @property
    def faults(self) -> list[tuple[float, float | None, str]]:
        return [(fault["at"], fault["lasts"], fault["text"]) for fault in self.bench["faults"]]


def assert_same_past(before: Trace, after: Trace, moment: float) -> None:
    was, now = before.until(moment), after.until(moment)
    for table, columns in was.items():
        for name, column in columns.items():
            np.testing.assert_array_equal(column, now[table][name], err_msg=f"{table}.{name}")
