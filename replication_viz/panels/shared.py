"""A panel as a short text: the scenario, where the clock stands, what is open, and the run that it is compared with.

``rv1.<scenario>~t<ms>~v<view>~d<drawer>~w<scenario compared with>``; every part but the first may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..scenario import Scenario, ScenarioError
from ..scenario.share import VERSION, join, split

VIEWS = ("logs", "space-time")
DRAWERS = ("", "story", "faults", "keep")
_HEAD = f"rv{VERSION}."


@dataclass(frozen=True)
class Shared:
    """What a text restores.

    Attributes
    ----------
    moment : float or None
        Where the clock stands, ms; None: where a panel puts it.
    was : Scenario or None
        The run to compare with.
    """

    scenario: Scenario
    moment: float | None = None
    view: str = VIEWS[0]
    drawer: str = DRAWERS[0]
    was: Scenario | None = None

    def text(self) -> str:
        """Return the text.

        Examples
        --------
        >>> Shared(Scenario(), moment=700.25, view="space-time").text().partition("~")[2]
        't700.25~vspace-time'
        """
        parts = {
            "t": "" if self.moment is None else f"{self.moment:.2f}".rstrip("0").rstrip("."),
            "v": self.view if self.view != VIEWS[0] else "",
            "d": self.drawer,
            "w": "" if self.was is None else self.was.share().removeprefix(_HEAD),
        }
        return join(self.scenario.share(), {letter: part for letter, part in parts.items() if part})

    @classmethod
    def read(cls, text: object) -> Shared:
        """Return what a text holds.

        Raises
        ------
        ScenarioError
            If it is damaged, or a part of it is none.
        """
        if not isinstance(text, str):
            raise ScenarioError(f"a share text is a text: this is {type(text).__name__}.")
        head, parts = split(text)
        scenario = Scenario.from_share(head)
        unknown = [letter for letter in parts if letter not in tuple("tvdw")]
        if unknown:
            raise ScenarioError(f"the share text has a part '~{unknown[0]}': parts begin with ~t, ~v, ~d or ~w.")
        was = Scenario.from_share(_HEAD + parts["w"]) if "w" in parts else None
        return cls(
            scenario,
            _moment(parts["t"], scenario) if "t" in parts else None,
            _one_of(VIEWS, parts.get("v", VIEWS[0]), "view"),
            _one_of(DRAWERS, parts.get("d", DRAWERS[0]), "drawer"),
            was,
        )


def _moment(text: str, scenario: Scenario) -> float:
    try:
        moment = float(text)
    except ValueError:
        moment = float("nan")
    if not 0 <= moment <= scenario.duration_ms + 0.01:
        raise ScenarioError(
            f"the moment in the share text is {text[:20]!r}: it must be a number of milliseconds from 0 to "
            f"{scenario.duration_ms:,.12g}."
        )
    return min(moment, scenario.duration_ms)


def _one_of(known: tuple[str, ...], value: str, what: str) -> str:
    if value not in known:
        named = ", ".join(filter(None, known))
        raise ScenarioError(f"the {what} in the share text is {value[:20]!r}: it must be one of {named}.")
    return value
