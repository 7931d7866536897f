"""Reading terms of one CRM record: values with the fields they came from, and what cannot be used.

Belongs here: trying the candidates of a term in order, on one record. Does not belong here: reading the text
of a single field (`transforms`), what terms make up a deal (`apply`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from integration_pipeline.crm.records import CrmRecord
from integration_pipeline.mapping.document import Candidates, Reading
from integration_pipeline.mapping.transforms import Value, read_value
from integration_pipeline.mapping.written.amounts import Unreadable
from integration_pipeline.mapping.written.spans import currencies_in_text

Source = dict[str, str | None]
"""A `FieldSource` of contract terms, as plain data."""

_PRICED = frozenset({Reading.AMOUNT_TEXT, Reading.RAMP, Reading.PRICE_TIERS})


@dataclass(frozen=True, slots=True)
class MappingProblem:
    """A value that cannot be used, in words a finance person can act on."""

    object_type: str
    record_id: str
    field: str
    value: str | None
    message: str

    def as_json(self) -> dict[str, str | None]:
        """The problem as plain data."""
        return {
            "object_type": self.object_type,
            "record_id": self.record_id,
            "field": self.field,
            "value": self.value,
            "message": self.message,
        }


@dataclass(slots=True)
class Reader:
    """Reads terms of one record, keeping each value's source and each problem.

    `currency` is that of the deal, for the records that belong to it.
    """

    record: CrmRecord
    zone: ZoneInfo
    problems: list[MappingProblem]
    currency: str | None = None
    terms: dict[str, Value] = field(default_factory=dict[str, Value])
    sources: dict[str, Source] = field(default_factory=dict[str, Source])

    def read(self, name: str, candidates: Candidates | None) -> Value | None:
        for candidate in candidates or ():
            if candidate.term is not None:
                if (value := self.terms.get(candidate.term)) is None:
                    continue
                if candidate.term in self.sources:
                    self.sources[name] = self.sources[candidate.term]
            else:
                raw = candidate.value if candidate.field is None else self._text_of(candidate.field)
                if not raw:
                    continue
                try:
                    value = read_value(candidate, raw, self.zone)
                except Unreadable as reason:
                    self.problem(candidate.field or name, raw, str(reason))
                    return None
                if candidate.read in _PRICED and (other := self._other_currency(raw)):
                    self.problem(
                        candidate.field or name, raw, f"is in another currency than the deal: {other}"
                    )
                    return None
                if candidate.field is not None:
                    self.sources[name] = self._source(candidate.field, raw, candidate.read.value)
            self.terms[name] = value
            return value
        return None

    def problem(self, name: str, value: str | None, reason: str) -> None:
        """Report what is wrong with the field `name`, which holds `value`."""
        kind = self.record.object_type.value
        shown = f"{value[:80]!r} " if value is not None else ""
        self.problems.append(
            MappingProblem(
                kind, self.record.external_id, name, value and value[:255], f"{name} {shown}{reason}"
            )
        )

    def problem_of(self, term: str, reason: str) -> None:
        """Report what is wrong with a term that was read, by the field it came from."""
        source = self.sources.get(term, {})
        self.problem(source.get("field") or term, source.get("value"), reason)

    def _other_currency(self, raw: str) -> str | None:
        own = self.currency or self.terms.get("currency")
        if own is None:
            return None
        return next((stated for stated in currencies_in_text(raw) if stated != own), None)

    def _text_of(self, name: str) -> str:
        return (self.record.properties.get(name) or "").strip()

    def _source(self, name: str, raw: str, reading: str) -> Source:
        return {
            "object_type": self.record.object_type.value,
            "record_id": self.record.external_id,
            "field": name,
            "value": raw[:255],
            "transform": None if reading == "text" else reading,
        }
