"""Which deals a stage is asked to work on. Inside the scope a stage still does only what is due."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Scope:
    """Close months from `first_month` to `last_month` (first days, both included) and, or, certain deals.

    Without bounds and keys: every deal. `deal_keys` look like `hubspot:123`.
    """

    first_month: date | None = None
    last_month: date | None = None
    deal_keys: frozenset[str] | None = None

    @staticmethod
    def everything() -> Scope:
        """All deals."""
        return Scope()

    @staticmethod
    def months(first: date, last: date) -> Scope:
        """Deals by close month, both months included."""
        return Scope(first_month=first.replace(day=1), last_month=last.replace(day=1))

    @staticmethod
    def deals(keys: Iterable[str]) -> Scope:
        """Just these deals."""
        return Scope(deal_keys=frozenset(keys))

    def holds(self, close_month: date) -> bool:
        """Whether a deal of this close month is inside the scope's months."""
        return (self.first_month is None or close_month >= self.first_month) and (
            self.last_month is None or close_month <= self.last_month
        )

    def deal_ids(self, source: str) -> list[str] | None:
        """The deals' ids in the CRM (`hubspot:123` is `123`), None for all deals.

        Raises `ValueError` for a key of another source.
        """
        if self.deal_keys is None:
            return None
        prefix = f"{source}:"
        for key in self.deal_keys:
            if not key.startswith(prefix):
                raise ValueError(f"deal {key!r} is not from {source}: write it as {prefix}<id>")
        return sorted(key.removeprefix(prefix) for key in self.deal_keys)

    def parameters(self) -> dict[str, Any]:
        """Bind values of a statement that asks `crm.in_scope`."""
        return {
            "first_month": self.first_month,
            "last_month": self.last_month,
            "deal_keys": None if self.deal_keys is None else sorted(self.deal_keys),
        }
