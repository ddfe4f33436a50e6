"""One named stream per source of chance, so that moving one knob leaves every other source's draws alone."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator of one source of chance in a run."""
    return np.random.default_rng([seed, crc32(name.encode())])
