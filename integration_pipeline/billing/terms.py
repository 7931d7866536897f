"""Contract terms: everything a billing schedule is made from, as one checked document.

Belongs here: the shape of terms, what makes terms impossible, the JSON schema, and where each term came
from. Does not belong here: how CRM fields become terms (mapping), or conventions of billing (`policies`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.term_values import CurrencyCode, Identifier, TermDate, TermDecimal, Text

MAX_TERM_MONTHS = 1200
MAX_CHARGES = 1000
MAX_PERIOD_PRICE = 10**15
"""Minor units a charge may cost per period: so a thousand charges still fit a 64-bit amount in a ledger."""


class Frequency(StrEnum):
    """How often a charge recurs."""

    ONE_TIME = "one_time"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    SEMIANNUAL = "semiannual"
    ANNUAL = "annual"

    @property
    def months(self) -> int | None:
        """Length of a billing period in months; None for a one-time charge."""
        return _MONTHS[self]


_MONTHS = {
    Frequency.ONE_TIME: None,
    Frequency.MONTHLY: 1,
    Frequency.QUARTERLY: 3,
    Frequency.SEMIANNUAL: 6,
    Frequency.ANNUAL: 12,
}


class Timing(StrEnum):
    """Whether a recurring charge is invoiced before or after its service period."""

    ADVANCE = "advance"
    ARREARS = "arrears"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class FieldSource(_Document):
    """The CRM field a term was read from, with the value as it stood there and how it was transformed."""

    object_type: Identifier
    record_id: Identifier
    field: Identifier
    value: str | None
    transform: str | None = None


def _in_key_order(sources: dict[str, FieldSource]) -> dict[str, FieldSource]:
    return dict(sorted(sources.items()))


Sources = Annotated[dict[str, FieldSource], AfterValidator(_in_key_order)]
"""Provenance by the name of the term it belongs to: `{"quantity": FieldSource(...)}`."""


class PaymentTerms(_Document):
    """An invoice is due `net_days` calendar days after its issue date; 0 is due on receipt."""

    net_days: Annotated[int, Field(strict=True, ge=0, le=3650)]


class Charge(_Document):
    """One thing that is charged for. `unit_price` is per unit per billing period of `frequency`.

    `start` and `end` (exclusive) override the contract's. A one-time charge is invoiced on its start
    whatever its timing; it has a service period only if it states its own `end`. `unit` names what is
    counted ("seats").
    """

    charge_id: Identifier
    description: Text
    quantity: TermDecimal
    unit_price: TermDecimal
    discount_percent: TermDecimal = Decimal(0)
    frequency: Frequency
    timing: Timing = Timing.ADVANCE
    start: TermDate | None = None
    end: TermDate | None = None
    product_code: Identifier | None = None
    unit: Identifier | None = None
    sources: Sources = Field(default_factory=dict[str, FieldSource])

    def impossibilities(self) -> Iterator[tuple[str, str]]:
        """Every (field, message) that contradicts this charge on its own."""
        if self.quantity < 0:
            yield "quantity", f"{self.quantity} is negative; credit with a negative unit_price instead"
        if not 0 <= self.discount_percent <= 100:
            yield "discount_percent", f"{self.discount_percent} is outside 0..100"
        if self.start and self.end and self.end <= self.start:
            yield "end", f"{self.end} is not after start {self.start}; the end is the first day not served"
        yield from _unknown_sources(self)


class ContractTerms(_Document):
    """The terms of one contract, in one currency, billed by one entity.

    Civil dates are the billing entity's. The contract runs from `start` to `end` (exclusive) or for
    `term_months`; it may state neither if every recurring charge has an end of its own.
    """

    contract_id: Identifier
    customer: Identifier
    entity: Identifier
    currency: CurrencyCode
    start: TermDate
    end: TermDate | None = None
    term_months: Annotated[int, Field(strict=True, ge=1, le=MAX_TERM_MONTHS)] | None = None
    payment_terms: PaymentTerms
    purchase_order: Identifier | None = None
    charges: Annotated[tuple[Charge, ...], Field(max_length=MAX_CHARGES)]
    sources: Sources = Field(default_factory=dict[str, FieldSource])

    @property
    def contract_end(self) -> date | None:
        """The first day after the contract, stated or counted from `term_months`."""
        if self.end is not None or self.term_months is None:
            return self.end
        return add_months(self.start, self.term_months)

    def terms_hash(self) -> str:
        """SHA-256 over the whole document, sources included: equal terms, equal hash."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @model_validator(mode="after")
    def _refuse_impossible_terms(self) -> ContractTerms:
        problems = [*_contract_problems(self), *_charge_problems(self)]
        if problems:
            raise _ImpossibleTerms(problems)
        return self


class _ImpossibleTerms(ValueError):  # noqa: N818 - carries problems through pydantic, never leaves load_terms
    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{path}: {message}" for path, message in problems))


def load_terms(document: str | bytes | Mapping[str, Any]) -> ContractTerms:
    """Terms from JSON text or an equal mapping. Raises `InvalidTerms` with every problem found.

    Contradictions between fields are looked for only once every field can be read by itself.
    """
    try:
        if isinstance(document, str | bytes):
            return ContractTerms.model_validate_json(document)
        return ContractTerms.model_validate(document)
    except ValidationError as error:
        raise InvalidTerms(_problems_of(error), _contract_id_of(document)) from None


def terms_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `ContractTerms`, for whoever writes terms by hand or by another program."""
    schema = ContractTerms.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _contract_problems(terms: ContractTerms) -> Iterator[tuple[str, str]]:
    if terms.end is not None:
        if terms.end <= terms.start:
            yield "end", f"{terms.end} is not after start {terms.start}; the end is the first day not served"
        if terms.end > add_months(terms.start, MAX_TERM_MONTHS):
            yield "end", f"{terms.end} is more than {MAX_TERM_MONTHS // 12} years after start {terms.start}"
        if terms.term_months is not None and terms.end != add_months(terms.start, terms.term_months):
            counted = add_months(terms.start, terms.term_months)
            yield "term_months", f"{terms.term_months} months end on {counted}, but end says {terms.end}"
    if not terms.charges:
        yield "charges", "a contract needs at least one charge"
    yield from _unknown_sources(terms)


def _charge_problems(terms: ContractTerms) -> Iterator[tuple[str, str]]:
    contract_end = terms.contract_end
    limit = MAX_PERIOD_PRICE // 10 ** minor_unit_exponent(terms.currency)
    seen: set[str] = set()
    for index, charge in enumerate(terms.charges):
        path = f"charges[{index}]"
        for field, message in charge.impossibilities():
            yield f"{path}.{field}", message
        if charge.charge_id in seen:
            yield (
                f"{path}.charge_id",
                f"{charge.charge_id[:80]!r} is used by an earlier charge; give each its own",
            )
        seen.add(charge.charge_id)
        if abs(charge.quantity * charge.unit_price) > limit:
            yield f"{path}.unit_price", f"the price of a period exceeds {limit:,} {terms.currency}"
        for field, message in _term_problems(charge, terms.start, contract_end):
            yield f"{path}.{field}", message


def _term_problems(charge: Charge, start: date, end: date | None) -> Iterator[tuple[str, str]]:
    """Where a charge's own dates and the contract's contradict each other."""
    if charge.start is not None and charge.start < start:
        yield "start", f"{charge.start} is before the contract starts on {start}"
    if charge.start is not None and end is not None and charge.start >= end:
        yield "start", f"{charge.start} is not before the contract ends on {end}"
    if charge.end is None:
        if end is None and charge.frequency is not Frequency.ONE_TIME:
            yield "end", f"a {charge.frequency} charge needs an end, or the contract an end or term_months"
        return
    if charge.start is None and charge.end <= start:
        yield "end", f"{charge.end} is not after the contract starts on {start}"
    if end is not None and charge.end > end:
        yield "end", f"{charge.end} is after the contract ends on {end}"
    if charge.end > add_months(start, MAX_TERM_MONTHS):
        yield "end", f"{charge.end} is more than {MAX_TERM_MONTHS // 12} years after start {start}"


def _unknown_sources(document: Charge | ContractTerms) -> Iterator[tuple[str, str]]:
    for name in document.sources:
        if name not in type(document).model_fields:
            yield f"sources.{name[:80]}", "names no term; use the name of the field the value was mapped to"


def _problems_of(error: ValidationError) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    for item in error.errors(include_url=False, include_input=False):
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, _ImpossibleTerms):
            problems.extend(cause.problems)
        else:
            message = str(cause) if isinstance(cause, ValueError) else item["msg"]
            problems.append((_path_of(item["loc"]), message))
    return problems


def _path_of(location: tuple[int | str, ...]) -> str:
    """`("charges", 0, "quantity")` as `charges[0].quantity`."""
    written = ""
    for step in location:
        written += f"[{step}]" if isinstance(step, int) else f".{step[:80]}"
    return written.removeprefix(".")


def _contract_id_of(document: str | bytes | Mapping[str, Any]) -> str | None:
    contract_id = document.get("contract_id") if isinstance(document, Mapping) else None
    return contract_id if isinstance(contract_id, str) else None
