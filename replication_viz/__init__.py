"""Break a replicated database on purpose and see why it broke.

A scenario is data, a run is a pure function of it, a trace is all that a run leaves, and everything else is a view of
a trace.
"""

from .engine import run
from .scenario import Scenario, ScenarioError, scenarios
from .trace import Trace

__version__ = "0.1.0"
__all__ = ["Scenario", "ScenarioError", "Trace", "run", "scenarios"]
