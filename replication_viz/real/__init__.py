"""Real databases from `pip` alone, on private sockets: the same scenario, the same faults, the same trace.

`run` is to a real PostgreSQL what `replication_viz.run` is to the simulated one. `calibrate` measures this machine,
`compare` predicts with the simulator and then measures.
"""

from .calibration import Calibration, calibrate
from .cluster import Cluster
from .errors import LabError, MissingServerError
from .expressing import cannot, decided_here
from .lab import run
from .predicting import Case, Comparison, Experiment, Line, compare, predict
from .rescue import Rejoined, Restored, drop_and_restore, failover_drill, split_brain

__all__ = [
    "Calibration",
    "Case",
    "Cluster",
    "Comparison",
    "Experiment",
    "LabError",
    "Line",
    "MissingServerError",
    "Rejoined",
    "Restored",
    "calibrate",
    "cannot",
    "compare",
    "decided_here",
    "drop_and_restore",
    "failover_drill",
    "predict",
    "run",
    "split_brain",
]
