"""A name that only one account may have, promised by two leaders: what no merge repairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self


class NameTakenError(ValueError):
    """Another account has the name, as far as this leader knows."""


@dataclass(frozen=True, order=True)
class Claim:
    """A name that a leader gave to an account, and told it so."""

    name: str
    account: str
    node: str


@dataclass(frozen=True)
class UniqueNames:
    """The names that were given away, as one leader knows them.

    Each leader checks the rule against what it has heard. Two that have not heard of each other both say yes, and
    then the rule is broken: a merge that keeps both claims shows it, one that drops a claim takes back a promise. To
    keep the rule, a leader would have to ask the others *before* it answers.

    Source
    ------
    Bailis et al., "Coordination Avoidance in Database Systems", 2015: uniqueness of values that clients choose is
    not invariant confluent.

    Examples
    --------
    >>> eu, us = UniqueNames().claim("ada", "account 1", "eu"), UniqueNames().claim("ada", "account 2", "us")
    >>> eu.violated(), us.violated()
    ({}, {})
    >>> eu.merge(us).violated()
    {'ada': ('account 1', 'account 2')}
    """

    claims: frozenset[Claim] = frozenset()

    def holders(self, name: str) -> tuple[str, ...]:
        """Return the accounts that were given a name, in order."""
        return tuple(sorted({claim.account for claim in self.claims if claim.name == name}))

    def claim(self, name: str, account: str, node: str) -> Self:
        """Return the names after a leader gave one to an account.

        Raises
        ------
        NameTakenError
            If this leader knows of another account that has it.
        """
        others = [holder for holder in self.holders(name) if holder != account]
        if others:
            raise NameTakenError(
                f"name is {name!r}: it must be one that no other account has, and {others[0]!r} has it."
            )
        return replace(self, claims=self.claims | {Claim(name, account, node)})

    def merge(self, other: Self) -> Self:
        """Return the claims of both: no promise is taken back."""
        return replace(self, claims=self.claims | other.claims)

    def violated(self) -> dict[str, tuple[str, ...]]:
        """Return each name that more than one account was given, with the accounts."""
        names = sorted({claim.name for claim in self.claims})
        return {name: holders for name in names if len(holders := self.holders(name)) > 1}
