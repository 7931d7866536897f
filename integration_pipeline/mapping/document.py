"""The mapping file: which CRM field becomes which term, and how its text is read.

Belongs here: the shape of the file and what makes it wrong. Does not belong here: reading values
(`transforms`) or walking over records (`apply`).
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

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


class DealTerms(Document):
    """What is read from the deal itself. `state` must come out as won, lost or open."""

    name: Candidates
    state: Candidates
    stage: Candidates
    close_date: Candidates
    currency: Candidates
    amount: Candidates
    start: Candidates
    term_months: Candidates | None = None
    payment_days: Candidates
    timing: Candidates
    entity: Candidates
    purchase_order: Candidates | None = None
    owner: Candidates | None = None


class ChargeTerms(Document):
    """What is read from each line item of the deal."""

    description: Candidates
    quantity: Candidates
    unit_price: Candidates
    discount_percent: Candidates
    frequency: Candidates
    product_code: Candidates | None = None


class SingleCharge(Document):
    """The one-time charge over the deal's amount, used where a deal has no line items."""

    description: Candidates


class CompanyTerms(Document):
    """What is read from a company, to know the customer by."""

    name: Candidates
    domain: Candidates | None = None
    tax_id: Candidates | None = None
    billing_email: Candidates | None = None
    country: Candidates | None = None


class ContactTerms(Document):
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
