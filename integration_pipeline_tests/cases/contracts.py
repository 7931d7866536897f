"""Published cases as contracts: terms from what a case states, and figures read off the schedule.

Belongs here: a charge, a frequency, a change as terms; lines and totals of the schedule. Does not belong
here: which inputs one family has (`adapters`), or arithmetic, which is the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from integration_pipeline.billing.cycles import Cycle, Step, Unit
from integration_pipeline.billing.invoices import BillingSchedule, DocumentKind, PlannedInvoice, PlannedLine
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import load_terms
from integration_pipeline_tests.cases.notation import STEPS
from integration_pipeline_tests.cases.registry import Case, NotExpressible

Terms = Mapping[str, Any]
_PLANNED = timedelta(days=3653)


@dataclass(frozen=True, slots=True)
class Bill:
    """A schedule, read the way published cases ask."""

    schedule: BillingSchedule

    def invoices(self, until: date | None = None) -> list[PlannedInvoice]:
        """Everything issued up to and including a day."""
        return [each for each in self.schedule.invoices if until is None or each.issue_date <= until]

    def lines(self, charge_id: str | None = None, until: date | None = None) -> list[PlannedLine]:
        """Lines in the order of issue."""
        return [
            line
            for invoice in self.invoices(until)
            for line in invoice.lines
            if charge_id is None or line.charge_id == charge_id
        ]

    def documents(self, day: date, kind: DocumentKind = DocumentKind.INVOICE) -> list[PlannedInvoice]:
        """What is issued on a day, of one kind."""
        return [each for each in self.schedule.invoices if each.issue_date == day and each.kind is kind]

    def total(self, day: date) -> Money:
        """The total before tax of the one document of a day; zero if there is none."""
        documents = [each for each in self.schedule.invoices if each.issue_date == day]
        if len(documents) > 1:
            raise NotExpressible(
                f"an invoice and a credit note are issued on {day}, and one total is asked for"
            )
        return documents[0].total if documents else Money(0, self.schedule.currency)

    def amount(self, charge_id: str | None = None) -> Money:
        """The amount of the first line; zero where nothing is charged, since such a line is left out."""
        lines = self.lines(charge_id)
        return lines[0].amount if lines else Money(0, self.schedule.currency)

    def credits(self, day: date | None = None) -> list[Money]:
        """The negative amounts, of one day or of all."""
        return [line.amount for line in self._of(day) if line.amount.minor < 0]

    def charges(self, day: date | None = None) -> list[Money]:
        """The positive amounts, of one day or of all."""
        return [line.amount for line in self._of(day) if line.amount.minor > 0]

    def _of(self, day: date | None) -> list[PlannedLine]:
        return [
            line
            for each in self.schedule.invoices
            if day is None or each.issue_date == day
            for line in each.lines
        ]


def bill(
    case: Case,
    start: date,
    charges: Sequence[Terms],
    *,
    policies: Policies | None = None,
    **terms: Any,
) -> Bill:
    """The schedule of a contract from `start`, under the case's policies or others.

    Without an end it goes on for good, and ten years of it are planned.
    """
    is_open = not {"end", "term_months"} & set(terms)
    document = {
        "contract_id": case.feature,
        "customer": case.family,
        "entity": case.family,
        "currency": currency_of(case),
        "payment_terms": {"net_days": 0},
        "start": start,
        "charges": tuple(charges),
        "evergreen": is_open,
        **terms,
    }
    planned_until = start + _PLANNED if is_open else None
    return Bill(build_schedule(load_terms(document), policies or case.policies, until=planned_until))


def charge(
    charge_id: str,
    unit_price: Decimal,
    frequency: object = "monthly",
    quantity: Decimal | int = 1,
    **terms: Any,
) -> Terms:
    """A charge per billing period, in advance unless `timing` says otherwise."""
    return {
        "charge_id": charge_id,
        "description": charge_id,
        "unit_price": unit_price,
        "quantity": quantity,
        "frequency": frequency,
        **terms,
    }


def amendment(effective: date, *changes: Terms, billed_from: date | None = None) -> Terms:
    """Changes from a day on; booked after the invoice of `billed_from` where one was issued before."""
    booked = effective if billed_from is None else max(effective, billed_from + timedelta(days=1))
    return {
        "amendment_id": f"change of {effective}",
        "effective": effective,
        "booked": booked,
        "changes": tuple(changes),
    }


def frequency_of(step: Step) -> dict[str, Any]:
    """A billing period of that length as terms."""
    return {"every": step.count, "unit": step.unit}


def step_between(period: Period) -> Step:
    """The named billing period that leads from one date to the other, or else so many days."""
    named = (STEPS["monthly"], STEPS["quarterly"], STEPS["semiannual"], STEPS["annual"], STEPS["weekly"])
    for step in named:
        if Cycle(period.start, step).boundary(1) == period.end:
            return step
    return Step(period.days, Unit.DAY)


def on_day(day: int) -> dict[str, Any]:
    """Billing periods that open on a day of the month."""
    return {"kind": "day_of_month", "day": day}


def opening_on(day: date) -> dict[str, Any]:
    """Billing periods of which one opens on a date."""
    return {"kind": "co_term", "date": day}


def currency_of(case: Case) -> str:
    """The stated currency; a system that keeps four decimals bills in one that has four."""
    stated = case.inputs.get("currency")
    if stated is not None and not isinstance(stated, str):
        raise NotExpressible(f"currency is {stated!r}")
    if stated is None and case.settings.get("money", "").startswith("4 dp"):
        return "CLF"
    return stated or "USD"


def first(found: Sequence[Money]) -> Money | None:
    """The first of some amounts, if there are any."""
    return found[0] if found else None
