"""How long ``import replication_viz`` takes, against the three libraries that it cannot do without.

    python -m benchmarks.imports

Fresh processes, in turn; each measures its own import after the interpreter is up, with the bytecode compiled as it is
after anybody's first import. It prints medians; it judges nothing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 25
OURS = "import replication_viz"
LIBRARIES = "import numpy, simpy, pydantic"
CODE = "import time; begin = time.perf_counter(); {}; print(time.perf_counter() - begin)"


def seconds(statement: str, cache: str) -> float:
    """Return how long an import takes in a fresh process that keeps its bytecode in a folder, s."""
    process = subprocess.run(
        [sys.executable, "-c", CODE.format(statement)],
        env={**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(process.stdout)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as cache:
        for statement in (OURS, LIBRARIES):
            seconds(statement, cache)  # compiles
        rounds = [(seconds(OURS, cache), seconds(LIBRARIES, cache)) for _ in range(ROUNDS)]
    ours, libraries = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"medians of {ROUNDS} fresh processes each\n")
    print(f"{OURS:<32}{1_000 * ours:>8.0f} ms")
    print(f"{LIBRARIES:<32}{1_000 * libraries:>8.0f} ms")
    print(f"{'ratio':<32}{statistics.median(a / b for a, b in rounds):>8.2f} x   at most 1.5 x")


if __name__ == "__main__":
    main()
