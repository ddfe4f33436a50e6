"""What each write does to its row."""

from __future__ import annotations

from typing import NamedTuple

from ..chance import stream
from ..scenario import Scenario
from ..scenario.multi_leader import ITEMS


class Deed(NamedTuple):
    """What a write does.

    Attributes
    ----------
    number : int
        Which write it is, from 1; unique in a run. It is what a register holds, and the account that claims a name.
    item : str
        What it puts into a set or a cart, or takes out.
    removes : bool
        Whether it takes away.
    is_informed : bool
        Whether its client has read the row.
    """

    number: int
    item: str
    removes: bool
    is_informed: bool


class Deeds:
    """What each write of a run does, by its number: drawn before the run, the same in every fork of it.

    Parameters
    ----------
    count : int
        How many writes there are.
    """

    def __init__(self, scenario: Scenario, count: int) -> None:
        def drawn(name: str) -> list[float]:
            chances: list[float] = stream(scenario.seed, name).random(count).tolist()
            return chances

        self._items = [ITEMS[int(chance * len(ITEMS))] for chance in drawn("items")]
        self._removes = [chance < scenario.remove_share for chance in drawn("removals")]
        self._informed = [chance < scenario.informed_share for chance in drawn("informed")]

    def __getitem__(self, number: int) -> Deed:
        place = number - 1
        return Deed(number, self._items[place], self._removes[place], self._informed[place])
