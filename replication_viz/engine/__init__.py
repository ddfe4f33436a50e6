"""The engine: a scenario in, a trace out; nothing else goes in and nothing else comes out."""

from __future__ import annotations

from ..scenario import Scenario
from ..trace import Trace


def run(scenario: Scenario) -> Trace:
    """Run a scenario.

    Returns
    -------
    Trace
        What happened. The same scenario gives the same trace, to the byte.
    """
    if scenario.topology == "leaderless":
        from . import leaderless

        return leaderless.run(scenario)
    if scenario.topology == "multi_leader":
        from . import multi_leader

        return multi_leader.run(scenario)
    from . import single_leader

    return single_leader.run(scenario)
