"""A charge in the making, with the CRM field of each of its terms.

Does not belong here: which terms it gets (`charges`, `first_months`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integration_pipeline.mapping.reader import Reader, Source


@dataclass(slots=True)
class DraftCharge:
    """A charge in the making: its terms as contract terms write them, and where each came from.

    `reader` is that of the line item, or of the deal where that has none.
    """

    reader: Reader
    terms: dict[str, Any]
    sources: dict[str, Source] = field(default_factory=dict[str, Source])

    @property
    def recurs(self) -> bool:
        return self.terms.get("frequency") != "one_time"

    def put(self, term: str, value: object, source: Source | None) -> None:
        """State a term; without a source it is the mapping's own."""
        self.terms[term] = value
        if source is not None:
            self.sources[term] = source

    def document(self) -> dict[str, Any]:
        """The charge as `ContractTerms` reads it."""
        return {**self.terms, "sources": self.sources}
