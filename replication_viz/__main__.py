"""`python -m replication_viz` is the command `replication-viz`."""

import sys

from replication_viz.cli import main

sys.exit(main())
