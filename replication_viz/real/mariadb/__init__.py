"""MariaDB's semi-sync the way of the real lab: the same scenarios, the same traces.

Importing this loads no client library; starting a `Cluster` does.
"""

from .cluster import Cluster
from .expressing import cannot
from .lab import run

__all__ = ["Cluster", "cannot", "run"]
