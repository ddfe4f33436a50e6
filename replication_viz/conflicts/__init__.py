"""What becomes of writes that did not know of each other: pure, immutable data types, none of which knows a simulator.

Each is a state that replicas send whole. ``merge`` takes two states to the one that has seen both, in any order and as
often as the network likes.
"""

from .cart import ShoppingCart, UnionCart
from .counters import GCounter, PNCounter
from .hybrid_clock import ClockDriftError, HybridLogicalClock, HybridTime
from .last_write import Choice, Write, last_write_wins
from .registers import LWWRegister, MVRegister
from .sets import GSet, OptORSet, ORSet, TwoPhaseSet
from .siblings import Siblings, UndottedSiblings
from .size import Size
from .unique_names import Claim, NameTakenError, UniqueNames
from .versions import NOTHING_SEEN, Dot, Order, VersionVector

__all__ = [
    "NOTHING_SEEN",
    "Choice",
    "Claim",
    "ClockDriftError",
    "Dot",
    "GCounter",
    "GSet",
    "HybridLogicalClock",
    "HybridTime",
    "LWWRegister",
    "MVRegister",
    "NameTakenError",
    "ORSet",
    "OptORSet",
    "Order",
    "PNCounter",
    "ShoppingCart",
    "Siblings",
    "Size",
    "TwoPhaseSet",
    "UndottedSiblings",
    "UnionCart",
    "UniqueNames",
    "VersionVector",
    "Write",
    "last_write_wins",
]
