"""What everybody needs of chance: named streams, how long messages take, and how sure an estimate is."""

from .delays import DELAY_FITS, ConstantDelay, Delay, ExponentialDelay, Legs, MixedDelay, ParetoDelay
from .intervals import Proportion, wilson
from .streams import stream

__all__ = [
    "DELAY_FITS",
    "ConstantDelay",
    "Delay",
    "ExponentialDelay",
    "Legs",
    "MixedDelay",
    "ParetoDelay",
    "Proportion",
    "stream",
    "wilson",
]
