"""The terms of one contract.

Belongs here: what holds for all charges, and what contradicts between them. Does not belong here: the shape
of a charge (`charges`), reading a document (`load`), changes during the contract's life (`amendments`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import Annotated

from pydantic import Field, model_validator

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.discounts import Discount
from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.tax.terms import TaxTerms
from integration_pipeline.billing.term_model import FieldSource, Problem, Sources, TermsModel
from integration_pipeline.billing.term_values import CurrencyCode, Identifier, TermDate
from integration_pipeline.billing.terms.amendments import Amendment
from integration_pipeline.billing.terms.charges import Charge
from integration_pipeline.billing.terms.timing import Anchor, PaymentTerms, Renewal, Stub

MAX_TERM_MONTHS = 1200
MAX_CHARGES = 1000
MAX_AMENDMENTS = 500
MAX_PERIODS = 100_000
"""Billing periods of all charges together: more than any contract has, and what one process can hold."""
MAX_PERIOD_PRICE = 10**15
"""Minor units a charge may cost per period: so a thousand charges still fit a 64-bit amount in a ledger."""


class Pause(TermsModel):
    """Days neither served nor billed: from `start` up to `end`, or for good; of all charges, or some."""

    start: TermDate
    end: TermDate | None = None
    charges: tuple[Identifier, ...] = ()


class ContractTerms(TermsModel):
    """The terms of one contract, in one currency, billed by one entity.

    Civil dates are the billing entity's. The contract runs from `start` to `end` (exclusive), for
    `term_months`, or, if `evergreen`, until an amendment ends it; `renewal` says what follows a term. It may
    state no end at all if every recurring charge has one. `anchor` and `stub` hold for charges that state
    none. `discounts` are taken off whole invoices. Invoices of contracts that `consolidate` are merged with
    those of the customer's other such contracts on the same date. `amendments` change the terms from a day
    on.
    """

    contract_id: Identifier
    customer: Identifier
    entity: Identifier
    currency: CurrencyCode
    start: TermDate
    end: TermDate | None = None
    term_months: Annotated[int, Field(strict=True, ge=1, le=MAX_TERM_MONTHS)] | None = None
    evergreen: bool = False
    renewal: Renewal | None = None
    anchor: Anchor = Anchor()
    stub: Stub = Stub.FIRST
    payment_terms: PaymentTerms
    purchase_order: Identifier | None = None
    consolidate: bool = False
    tax: TaxTerms | None = None
    discounts: Annotated[tuple[Discount, ...], Field(max_length=50)] = ()
    charges: Annotated[tuple[Charge, ...], Field(max_length=MAX_CHARGES)]
    pauses: Annotated[tuple[Pause, ...], Field(max_length=200)] = ()
    amendments: Annotated[tuple[Amendment, ...], Field(max_length=MAX_AMENDMENTS)] = ()
    sources: Sources = Field(default_factory=dict[str, FieldSource])

    @property
    def contract_end(self) -> date | None:
        """The first day after the (first) term, stated or counted from `term_months`; None if evergreen."""
        if self.end is not None or self.term_months is None:
            return self.end
        return add_months(self.start, self.term_months)

    @property
    def open_ended(self) -> bool:
        """Whether the contract goes on until somebody ends it."""
        return self.evergreen or (self.renewal is not None and self.renewal.times is None)

    @cached_property
    def terms_hash(self) -> str:
        """SHA-256 over the whole document, sources included: equal terms, equal hash."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def charge(self, charge_id: str) -> Charge | None:
        """The charge of that id."""
        return next((charge for charge in self.charges if charge.charge_id == charge_id), None)

    @model_validator(mode="after")
    def _refuse_impossible_terms(self) -> ContractTerms:
        problems = [*_contract_problems(self), *_charge_problems(self)]
        if problems:
            raise ImpossibleTerms(problems)
        return self


class ImpossibleTerms(ValueError):  # noqa: N818 - carries problems through pydantic, never leaves load_terms
    """Problems by path, on their way through pydantic."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{path}: {message}" for path, message in problems))


def _contract_problems(terms: ContractTerms) -> Iterator[Problem]:
    if terms.end is not None:
        if terms.end <= terms.start:
            yield "end", f"{terms.end} is not after start {terms.start}; the end is the first day not served"
        if terms.end > add_months(terms.start, MAX_TERM_MONTHS):
            yield "end", f"{terms.end} is more than {MAX_TERM_MONTHS // 12} years after start {terms.start}"
        if terms.term_months is not None and terms.end != add_months(terms.start, terms.term_months):
            counted = add_months(terms.start, terms.term_months)
            yield "term_months", f"{terms.term_months} months end on {counted}, but end says {terms.end}"
    yield from _continuation_problems(terms)
    if not terms.charges:
        yield "charges", "a contract needs at least one charge"
    for index, discount in enumerate(terms.discounts):
        for field, message in discount.impossibilities():
            yield f"discounts[{index}].{field}", message
    for name in terms.sources:
        if name not in type(terms).model_fields:
            yield f"sources.{name[:80]}", "names no term; use the name of the field the value was mapped to"


def _continuation_problems(terms: ContractTerms) -> Iterator[Problem]:
    """What contradicts itself in how the contract goes on, or stops for a while."""
    if terms.evergreen and (terms.contract_end is not None or terms.renewal is not None):
        yield "evergreen", "an evergreen contract has no end, term or renewal; state one or the other"
    if terms.renewal is not None:
        if terms.contract_end is None:
            yield "renewal", "needs the end of the first term; state end or term_months"
        for field, message in terms.renewal.impossibilities():
            yield f"renewal.{field}", message
    for index, pause in enumerate(terms.pauses):
        if pause.end is not None and pause.end <= pause.start:
            yield f"pauses[{index}].end", f"{pause.end} is not after start {pause.start}"
        for name in pause.charges:
            if terms.charge(name) is None:
                yield f"pauses[{index}].charges", f"{name[:80]!r} is no charge of the contract"


def _charge_problems(terms: ContractTerms) -> Iterator[Problem]:
    contract_end = terms.contract_end
    limit = MAX_PERIOD_PRICE // 10 ** minor_unit_exponent(terms.currency)
    seen: set[str] = set()
    periods = 0
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
        for field, amount in charge.stated_amounts():
            if abs(amount) > limit:
                yield f"{path}.{field}", f"the price of a period exceeds {limit:,} {terms.currency}"
        for field, message in _term_problems(charge, terms, contract_end):
            yield f"{path}.{field}", message
        periods += _periods(charge, terms)
    if periods > MAX_PERIODS:
        yield "charges", f"come to {periods:,} billing periods; more than {MAX_PERIODS:,} are not planned"


def _periods(charge: Charge, terms: ContractTerms) -> int:
    """About how many billing periods a charge has in its term; an open end is closed by who plans it."""
    step, end = charge.frequency.step, charge.end or terms.contract_end
    if step is None or end is None:
        return 0
    return max((end - terms.start).days, 0) // (step.days or step.months * 28) + 1


def _term_problems(charge: Charge, terms: ContractTerms, end: date | None) -> Iterator[Problem]:
    """Where a charge's own dates and the contract's contradict each other."""
    start = terms.start
    last = None if terms.renewal is not None else end
    if charge.start is not None and charge.start < start:
        yield "start", f"{charge.start} is before the contract starts on {start}"
    if charge.start is not None and last is not None and charge.start >= last:
        yield "start", f"{charge.start} is not before the contract ends on {last}"
    if charge.end is not None:
        if charge.start is None and charge.end <= start:
            yield "end", f"{charge.end} is not after the contract starts on {start}"
        if last is not None and charge.end > last:
            yield "end", f"{charge.end} is after the contract ends on {last}"
        if charge.end > add_months(start, MAX_TERM_MONTHS):
            yield "end", f"{charge.end} is more than {MAX_TERM_MONTHS // 12} years after start {start}"
    elif end is None and charge.recurs and not terms.evergreen:
        yield (
            "end",
            (f"a {charge.frequency} charge needs an end, or the contract an end, term_months or evergreen"),
        )
    yield from charge.dated_problems(charge.start or start, charge.end or last)
