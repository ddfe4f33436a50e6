"""Many runs: a scenario over seeds, and over a grid of settings, on any executor, with intervals.

What is counted is the measure's matter. The numbers depend on scenario, grid and seeds alone: not on the executor, nor
on how many work, nor on who is first.
"""

from .makers import SweepCancelledError, SweepError
from .result import Interval, Sweep
from .runs import sweep

__all__ = ["Interval", "Sweep", "SweepCancelledError", "SweepError", "sweep"]
