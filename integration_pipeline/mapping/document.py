"""The mapping file: which CRM field becomes which term, and how its text is read.

Belongs here: the shape of the file and what makes it wrong. Does not belong here: reading values
(`transforms`) or walking over records (`apply`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from integration_pipeline.billing.tax.terms import TaxTreatment
from integration_pipeline.billing.usage.metrics import Aggregation
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.mapping.write_back import WriteBackFields
from integration_pipeline.mapping.written.tiers import TIER_MODELS
from integration_pipeline.yaml_documents import Document, read_document


class Reading(StrEnum):
    """How the text of a CRM field is read."""

    TEXT = "text"
    DECIMAL = "decimal"
    AMOUNT_TEXT = "amount_text"
    INTEGER = "integer"
    DATE = "date"
    CURRENCY = "currency"
    RAMP = "ramp"
    PRICE_TIERS = "price_tiers"
    TAX_RATES = "tax_rates"
    PAYMENT_TERMS = "payment_terms"
    ANCHOR = "anchor"


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

_Check = Callable[[tuple[Candidate, ...]], tuple[Candidate, ...]]


def _read_as(*readings: Reading) -> _Check:
    """For terms that are calculated with: text would be no fault of any deal, and stop all of them."""

    def check(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        for candidate in candidates:
            if candidate.term is None and candidate.read not in readings:
                raise ValueError(f"needs `read: {' or '.join(readings)}`, not {candidate.read}")
        return candidates

    return check


def _come_out_as(*outcomes: str, picklist: bool = False) -> _Check:
    """For terms that have few values: another one would be no fault of any deal either."""
    accepted = ", ".join(outcomes)

    def check(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        for candidate in candidates:
            found = {*(candidate.values or {}).values(), candidate.otherwise, candidate.value} - {None}
            if picklist and candidate.field is not None and candidate.values is None:
                raise ValueError(f"needs `values` that say which is {accepted}")
            if not found <= set(outcomes):
                unknown = ", ".join(sorted(map(str, found - set(outcomes))))
                raise ValueError(f"must come out as {accepted}, not as {unknown}")
        return candidates

    return check


Dates = Annotated[Candidates, AfterValidator(_read_as(Reading.DATE))]
Integers = Annotated[Candidates, AfterValidator(_read_as(Reading.INTEGER))]
Numbers = Annotated[Candidates, AfterValidator(_read_as(Reading.DECIMAL, Reading.AMOUNT_TEXT))]
Currencies = Annotated[Candidates, AfterValidator(_read_as(Reading.CURRENCY))]
Ramps = Annotated[Candidates, AfterValidator(_read_as(Reading.RAMP))]
TierLists = Annotated[Candidates, AfterValidator(_read_as(Reading.PRICE_TIERS))]
RateLists = Annotated[Candidates, AfterValidator(_read_as(Reading.TAX_RATES))]
PaymentTermsRead = Annotated[Candidates, AfterValidator(_read_as(Reading.PAYMENT_TERMS, Reading.INTEGER))]
Anchors = Annotated[Candidates, AfterValidator(_read_as(Reading.ANCHOR))]
States = Annotated[Candidates, AfterValidator(_come_out_as("won", "lost", "open", picklist=True))]
TermEnds = Annotated[Candidates, AfterValidator(_come_out_as("ends", "renews", "evergreen", picklist=True))]
TierModels = Annotated[Candidates, AfterValidator(_come_out_as(*TIER_MODELS, picklist=True))]
Treatments = Annotated[Candidates, AfterValidator(_come_out_as(*TaxTreatment))]
Aggregations = Annotated[Candidates, AfterValidator(_come_out_as(*Aggregation))]


class _Terms(Document):
    """Terms of one record, read in `reading_order`."""

    @classmethod
    def reading_order(cls) -> tuple[str, ...]:
        """The terms as they stand here; shared ones last, as their prices are in a currency read before."""
        shared = _SharedTerms.model_fields
        return (
            *(name for name in cls.model_fields if name not in shared),
            *(shared if issubclass(cls, _SharedTerms) else ()),
        )

    def all_candidates(self) -> Iterator[tuple[Candidate, ...]]:
        """The places of each term that has any."""
        for name in self.reading_order():
            yield getattr(self, name) or ()

    @model_validator(mode="after")
    def _copies_what_was_read_before(self) -> Self:
        read: set[str] = set()
        for name in self.reading_order():
            candidates: tuple[Candidate, ...] = getattr(self, name) or ()
            for candidate in candidates:
                if candidate.term is not None and candidate.term not in read:
                    raise ValueError(f"{name} copies {candidate.term!r}, which is no term read before it")
            read.add(name)
        return self


class _SharedTerms(_Terms):
    """What a line item may state for itself and otherwise has from its deal.

    A ramp is either written out, or so many months at a percentage off. A promotion is a percentage off for
    the first days or months. Ramps and promotions are of what recurs; tax is of everything.
    """

    ramp: Ramps | None = None
    ramp_months: Integers | None = None
    ramp_percent_off: Numbers | None = None
    promo_percent: Numbers | None = None
    promo_days: Integers | None = None
    promo_months: Integers | None = None
    tax_treatment: Treatments | None = None
    tax_rates: RateLists | None = None
    tax_reason: Candidates | None = None


class DealTerms(_SharedTerms):
    """What is read from the deal itself. `state` must come out as won, lost or open.

    `at_term_end` says what happens then: ends, renews (for `renewal_months`, or as long again, with prices
    raised by `uplift_percent`), or that there is no term: evergreen. With an `amendment_effective` a change
    of a won deal holds from that day on; without it, the deal was always meant to be what it is now.
    """

    entity: Candidates
    name: Candidates
    state: States
    stage: Candidates
    close_date: Dates
    currency: Currencies
    amount: Numbers
    start: Dates
    term_months: Integers | None = None
    at_term_end: TermEnds | None = None
    renewal_months: Integers | None = None
    uplift_percent: Numbers | None = None
    anchor: Anchors | None = None
    payment_terms: PaymentTermsRead
    timing: Candidates
    purchase_order: Candidates | None = None
    owner: Candidates | None = None
    amendment_effective: Dates | None = None


class ChargeTerms(_SharedTerms):
    """What is read from each line item of the deal.

    With `price_tiers` its price is that of the `tier_model`, and `unit_price` is not used. With a
    `usage_metric` the quantity is what was used. `minimum` is an amount per billing period.
    """

    description: Candidates
    quantity: Numbers
    unit_price: Numbers
    price_tiers: TierLists | None = None
    tier_model: TierModels | None = None
    minimum: Numbers | None = None
    usage_metric: Candidates | None = None
    usage_aggregation: Aggregations | None = None
    usage_property: Candidates | None = None
    discount_percent: Numbers
    frequency: Candidates
    product_code: Candidates | None = None


class SingleCharge(_Terms):
    """The one-time charge over the deal's amount, used where a deal has no line items."""

    description: Candidates


def _of_fields(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """For what identifies a single company: a constant would say the same of all of them."""
    if any(candidate.field is None or candidate.read is not Reading.TEXT for candidate in candidates):
        raise ValueError("needs a `field` each, read as text")
    return candidates


AccountingIds = dict[str, Annotated[Candidates, AfterValidator(_of_fields)]]
"""By the name of a target in the targets file: where a company's id as a customer there stands."""


class CompanyTerms(_Terms):
    """What is read from a company, to know the customer by.

    `accounting_ids` are fields in which people keep the customer's id at an accounting system.
    """

    name: Candidates
    domain: Candidates | None = None
    tax_id: Candidates | None = None
    billing_email: Candidates | None = None
    country: Candidates | None = None
    accounting_ids: AccountingIds = Field(default_factory=AccountingIds)

    @classmethod
    def reading_order(cls) -> tuple[str, ...]:
        return tuple(name for name in super().reading_order() if name != "accounting_ids")

    def all_candidates(self) -> Iterator[tuple[Candidate, ...]]:
        yield from super().all_candidates()
        yield from self.accounting_ids.values()


class ContactTerms(_Terms):
    """What is read from a contact."""

    email: Candidates


class MatchRule(Document):
    """When two companies are one customer. `ignore` lists values that prove nothing (`gmail.com`)."""

    rule: Literal["same_tax_id", "same_domain"]
    decision: Literal["merged", "separate", "pending"] = "merged"
    ignore: tuple[str, ...] = ()


class Mapping(Document):
    """A whole mapping file.

    What is written back is no part of its version, which says what a deal means to us.
    """

    name: str
    source: Literal["hubspot", "salesforce"]
    deal: DealTerms
    line_item: ChargeTerms
    without_line_items: SingleCharge
    company: CompanyTerms
    contact: ContactTerms
    customers: tuple[MatchRule, ...]
    write_back: Annotated[WriteBackFields | None, Field(exclude=True)] = None

    @model_validator(mode="after")
    def _writes_nothing_it_reads(self) -> Mapping:
        # Each write would make a new version of the deal, which is billed anew and written back again.
        written = self.write_back.field_names() if self.write_back else ()
        if read := sorted(set(written) & set(self.properties(ObjectType.DEAL))):
            raise ValueError(f"write_back writes {', '.join(read)}, which a term of the deal is read from")
        return self

    def properties(self, object_type: ObjectType) -> tuple[str, ...]:
        """The vendor's properties this mapping reads of an object type, sorted: what extraction asks for."""
        readers: dict[ObjectType, tuple[_Terms, ...]] = {
            ObjectType.DEAL: (self.deal, self.without_line_items),
            ObjectType.LINE_ITEM: (self.line_item,),
            ObjectType.COMPANY: (self.company,),
            ObjectType.CONTACT: (self.contact,),
        }
        names: set[str] = set()
        for reader in readers.get(object_type, ()):
            for candidates in reader.all_candidates():
                names.update(candidate.field for candidate in candidates if candidate.field)
        return tuple(sorted(names))


def read_mapping(path: Path) -> Mapping:
    """The mapping file at `path`. Raises `InvalidDocument` naming file, line, place and fault."""
    return read_document(path, Mapping)
