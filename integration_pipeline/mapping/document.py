"""The mapping file: which CRM field becomes which term, and how its text is read.

Belongs here: the shape of the file and what makes it wrong. Does not belong here: reading values
(`transforms`) or walking over records (`apply`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.yaml_documents import Document, read_document


class Reading(StrEnum):
    """How the text of a CRM field is read."""

    TEXT = "text"
    DECIMAL = "decimal"
    AMOUNT_TEXT = "amount_text"
    INTEGER = "integer"
    DATE = "date"
    CURRENCY = "currency"


class Candidate(Document):
    """One place a term may come from. Exactly one of `field`, `term` and `value` is given.

    `formats` are strptime patterns or `iso`, tried in order. `values` is a complete picklist (anything
    else is a problem, unless `otherwise` is given); `aliases` replaces some values and leaves the rest.
    `above` and `at_least` bound a number, `unlike` is a pattern no good value matches from its beginning.
    """

    field: str | None = None
    term: str | None = None
    value: str | None = None
    read: Reading = Reading.TEXT
    formats: tuple[str, ...] = ("iso",)
    values: dict[str, str] | None = None
    otherwise: str | None = None
    aliases: dict[str, str] = Field(default_factory=dict[str, str])
    above: Decimal | None = None
    at_least: Decimal | None = None
    unlike: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Candidate:
        if sum(origin is not None for origin in (self.field, self.term, self.value)) != 1:
            raise ValueError("give exactly one of `field`, `term` and `value`")
        return self

    @field_validator("unlike")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from None
        return pattern


Candidates = Annotated[tuple[Candidate, ...], Field(min_length=1)]
"""Tried in order: the first that holds anything decides, and if it cannot be read that is a problem."""

_STATES = ("won", "lost", "open")


def _read_as(*readings: Reading) -> Callable[[tuple[Candidate, ...]], tuple[Candidate, ...]]:
    """For terms that are calculated with: text would be no fault of any deal, and stop all of them."""

    def check(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        for candidate in candidates:
            if candidate.term is None and candidate.read not in readings:
                raise ValueError(f"needs `read: {' or '.join(readings)}`, not {candidate.read}")
        return candidates

    return check


def _come_out_as_states(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    for candidate in candidates:
        outcomes = {*(candidate.values or {}).values(), candidate.otherwise, candidate.value} - {None}
        if candidate.field is not None and candidate.values is None:
            raise ValueError(f"needs `values` that say which stage is {', '.join(_STATES)}")
        if not outcomes <= set(_STATES):
            unknown = ", ".join(sorted(map(str, outcomes - set(_STATES))))
            raise ValueError(f"must come out as {', '.join(_STATES)}, not as {unknown}")
    return candidates


Dates = Annotated[Candidates, AfterValidator(_read_as(Reading.DATE))]
Integers = Annotated[Candidates, AfterValidator(_read_as(Reading.INTEGER))]
Numbers = Annotated[Candidates, AfterValidator(_read_as(Reading.DECIMAL, Reading.AMOUNT_TEXT))]
Currencies = Annotated[Candidates, AfterValidator(_read_as(Reading.CURRENCY))]
States = Annotated[Candidates, AfterValidator(_come_out_as_states)]


class _Terms(Document):
    """Terms of one record, read in the order in which they stand here."""

    @model_validator(mode="after")
    def _copies_what_was_read_before(self) -> Self:
        read: set[str] = set()
        for name in type(self).model_fields:
            candidates: tuple[Candidate, ...] = getattr(self, name) or ()
            for candidate in candidates:
                if candidate.term is not None and candidate.term not in read:
                    raise ValueError(f"{name} copies {candidate.term!r}, which is no term read before it")
            read.add(name)
        return self


class DealTerms(_Terms):
    """What is read from the deal itself. `state` must come out as won, lost or open."""

    entity: Candidates
    name: Candidates
    state: States
    stage: Candidates
    close_date: Dates
    currency: Currencies
    amount: Numbers
    start: Dates
    term_months: Integers | None = None
    payment_days: Integers
    timing: Candidates
    purchase_order: Candidates | None = None
    owner: Candidates | None = None


class ChargeTerms(_Terms):
    """What is read from each line item of the deal."""

    description: Candidates
    quantity: Numbers
    unit_price: Numbers
    discount_percent: Numbers
    frequency: Candidates
    product_code: Candidates | None = None


class SingleCharge(_Terms):
    """The one-time charge over the deal's amount, used where a deal has no line items."""

    description: Candidates


class CompanyTerms(_Terms):
    """What is read from a company, to know the customer by."""

    name: Candidates
    domain: Candidates | None = None
    tax_id: Candidates | None = None
    billing_email: Candidates | None = None
    country: Candidates | None = None


class ContactTerms(_Terms):
    """What is read from a contact."""

    email: Candidates


class MatchRule(Document):
    """When two companies are one customer. `ignore` lists values that prove nothing (`gmail.com`)."""

    rule: Literal["same_tax_id", "same_domain"]
    decision: Literal["merged", "separate", "pending"] = "merged"
    ignore: tuple[str, ...] = ()


class Mapping(Document):
    """A whole mapping file."""

    name: str
    source: Literal["hubspot"]
    deal: DealTerms
    line_item: ChargeTerms
    without_line_items: SingleCharge
    company: CompanyTerms
    contact: ContactTerms
    customers: tuple[MatchRule, ...]

    def properties(self, object_type: ObjectType) -> tuple[str, ...]:
        """The vendor's properties this mapping reads of an object type, sorted: what extraction asks for."""
        readers: dict[ObjectType, tuple[Document, ...]] = {
            ObjectType.DEAL: (self.deal, self.without_line_items),
            ObjectType.LINE_ITEM: (self.line_item,),
            ObjectType.COMPANY: (self.company,),
            ObjectType.CONTACT: (self.contact,),
        }
        names: set[str] = set()
        for reader in readers.get(object_type, ()):
            for name in type(reader).model_fields:
                candidates: tuple[Candidate, ...] = getattr(reader, name) or ()
                names.update(candidate.field for candidate in candidates if candidate.field)
        return tuple(sorted(names))


def read_mapping(path: Path) -> Mapping:
    """The mapping file at `path`. Raises `InvalidDocument` naming file, line, place and fault."""
    return read_document(path, Mapping)
