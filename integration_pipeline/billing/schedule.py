"""The billing schedule of a contract: which lines, on which invoices, on which days.

Belongs here: turning charges into dated lines and lines into invoices. Does not belong here: prices and
shares (`pricing`, `proration`), the shape of the result (`invoices`), storing or posting it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from integration_pipeline.billing.explanation import Explanation, ExplanationInput
from integration_pipeline.billing.invoices import (
    BillingSchedule,
    PlannedInvoice,
    PlannedLine,
    RevenueTreatment,
)
from integration_pipeline.billing.money import Money, round_ratio
from integration_pipeline.billing.periods import BillingPeriod, Period, billing_periods
from integration_pipeline.billing.policies import DEFAULT, ArrearsIssueDay, Policies
from integration_pipeline.billing.pricing import ExactPrice, describe_rounding, flat_price
from integration_pipeline.billing.proration import share_ratio
from integration_pipeline.billing.terms import Charge, ContractTerms, Frequency, Timing

__all__ = ["BillingSchedule", "PlannedInvoice", "PlannedLine", "RevenueTreatment", "build_schedule"]


def build_schedule(terms: ContractTerms, policies: Policies = DEFAULT) -> BillingSchedule:
    """Everything `terms` bills, from the contract's start to its end. Never fails for valid terms.

    - In advance: issued on the first day of the billing period; revenue deferred over it.
    - In arrears: issued on the day after the service period; revenue on invoice.
    - One-time: issued on the charge's start, never prorated; revenue on invoice, deferred if it has a period.
    - Lines of one issue date share an invoice, in the order of the contract's charges.
    - Lines of zero (no quantity, 100 % discount, rounded to nothing) are left out, and so is an invoice that
      has no other lines: a contract that bills nothing has a schedule without invoices. An invoice whose
      lines cancel out stays, with a total of zero.
    """
    lines_by_date: dict[date, list[PlannedLine]] = {}
    for charge in terms.charges:
        for issue_date, line in _ChargePlan.of(terms, charge, policies).lines():
            lines_by_date.setdefault(issue_date, []).append(line)
    net = timedelta(days=terms.payment_terms.net_days)
    return BillingSchedule(
        contract_id=terms.contract_id,
        terms_hash=terms.terms_hash(),
        currency=terms.currency,
        policies=policies,
        invoices=tuple(
            PlannedInvoice(
                issue_date=issue_date,
                due_date=issue_date + net,
                lines=tuple(lines),
                total=Money(sum(line.amount.minor for line in lines), terms.currency),
            )
            for issue_date, lines in sorted(lines_by_date.items())
        ),
    )


@dataclass(frozen=True, slots=True)
class _ChargePlan:
    """One charge with what all its lines have in common; `end` is None if it has no service period."""

    charge: Charge
    start: date
    end: date | None
    price: ExactPrice
    revenue: RevenueTreatment
    inputs: tuple[ExplanationInput, ...]
    policies: Policies

    @staticmethod
    def of(terms: ContractTerms, charge: Charge, policies: Policies) -> _ChargePlan:
        recurs = charge.frequency is not Frequency.ONE_TIME
        end = charge.end or (terms.contract_end if recurs else None)
        served_first = recurs and charge.timing is Timing.ARREARS
        on_invoice = end is None or served_first
        return _ChargePlan(
            charge=charge,
            start=charge.start or terms.start,
            end=end,
            price=flat_price(charge, terms.currency),
            revenue=RevenueTreatment.ON_INVOICE if on_invoice else RevenueTreatment.DEFERRED,
            inputs=tuple(_inputs(terms, charge)),
            policies=policies,
        )

    def lines(self) -> Iterator[tuple[date, PlannedLine]]:
        """Every line that is not zero, with its issue date, in the order of service."""
        months = self.charge.frequency.months
        if months is None or self.end is None:
            yield from self._one_time_lines()
            return
        price = self._full_price()
        explanation = self._full_price_explanation(price)
        anchor_day = self.start.day
        for period in billing_periods(self.start, self.end, months, anchor_day):
            if period.is_stub:
                amount = price_of_part(self.price, period, self.policies)
                line = self._line(period.service, amount, self._stub_explanation(period, amount))
            else:
                line = self._line(period.service, price, explanation)
            if line.amount:
                yield self._issue_date(period.service), line

    def _one_time_lines(self) -> Iterator[tuple[date, PlannedLine]]:
        price = self._full_price()
        if price:
            period = None if self.end is None else Period(self.start, self.end)
            yield self.start, self._line(period, price, self._full_price_explanation(price))

    def _line(self, period: Period | None, amount: Money, explanation: Explanation) -> PlannedLine:
        charge = self.charge
        return PlannedLine(
            charge_id=charge.charge_id,
            description=charge.description,
            service_period=period,
            quantity=charge.quantity,
            unit_price=charge.unit_price,
            amount=amount,
            revenue=self.revenue,
            explanation=explanation,
            discount_percent=charge.discount_percent,
            product_code=charge.product_code,
        )

    def _issue_date(self, period: Period) -> date:
        if self.charge.timing is Timing.ADVANCE:
            return period.start
        match self.policies.arrears_issue_day:
            case ArrearsIssueDay.DAY_AFTER_PERIOD:
                return period.end
            case ArrearsIssueDay.LAST_DAY_OF_PERIOD:
                return period.end - timedelta(days=1)

    def _full_price(self) -> Money:
        minor = round_ratio(self.price.numerator, self.price.denominator, self.policies.rounding)
        return Money(minor, self.price.currency)

    def _full_price_explanation(self, amount: Money) -> Explanation:
        if self.charge.frequency is Frequency.ONE_TIME:
            rule = "one-time charge: invoiced in full on the day it starts"
        else:
            rule = f"{self._rule()}, full billing period"
        return self._explanation(
            rule, self.price.formula, self.price.numerator, self.price.denominator, amount
        )

    def _stub_explanation(self, period: BillingPeriod, amount: Money) -> Explanation:
        days = period.service.days
        whole = period.full.days
        return self._explanation(
            f"{self._rule()}, part of a billing period: {self.policies.day_count}",
            f"{self.price.formula} × {days}/{whole} days of {period.full}",
            self.price.numerator * days,
            self.price.denominator * whole,
            amount,
        )

    def _rule(self) -> str:
        if self.charge.timing is Timing.ADVANCE:
            return f"{self.charge.frequency} in advance: invoiced on the first day of the service period"
        return f"{self.charge.frequency} in arrears: invoiced on the {self.policies.arrears_issue_day}"

    def _explanation(
        self, rule: str, formula: str, numerator: int, denominator: int, amount: Money
    ) -> Explanation:
        return Explanation(
            inputs=self.inputs,
            rule=rule,
            rule_version=self.policies.version,
            formula=f"{formula} = {amount.format()}",
            rounding=describe_rounding(numerator, denominator, amount, self.policies.rounding),
        )


def _inputs(terms: ContractTerms, charge: Charge) -> Iterator[ExplanationInput]:
    """The terms that decide the amount and the dates of a charge's lines, with their origin."""
    stated, inherited = charge.sources, terms.sources
    yield ExplanationInput("quantity", f"{charge.quantity:f}", stated.get("quantity"))
    yield ExplanationInput("unit_price", f"{charge.unit_price:f}", stated.get("unit_price"))
    yield ExplanationInput("currency", terms.currency, inherited.get("currency"))
    yield ExplanationInput("discount_percent", f"{charge.discount_percent:f}", stated.get("discount_percent"))
    yield ExplanationInput("frequency", charge.frequency.value, stated.get("frequency"))
    if charge.frequency is not Frequency.ONE_TIME:
        yield ExplanationInput("timing", charge.timing.value, stated.get("timing"))
    if charge.start is not None:
        yield ExplanationInput("start", charge.start.isoformat(), stated.get("start"))
    else:
        yield ExplanationInput("start", terms.start.isoformat(), inherited.get("start"))
    if charge.end is not None:
        yield ExplanationInput("end", charge.end.isoformat(), stated.get("end"))
    elif charge.frequency is not Frequency.ONE_TIME:
        yield from _contract_end_inputs(terms)
    yield ExplanationInput(
        "payment_terms", f"{terms.payment_terms.net_days} days", inherited.get("payment_terms")
    )


def _contract_end_inputs(terms: ContractTerms) -> Iterator[ExplanationInput]:
    if terms.end is not None:
        yield ExplanationInput("end", terms.end.isoformat(), terms.sources.get("end"))
    elif terms.term_months is not None:
        yield ExplanationInput("term_months", str(terms.term_months), terms.sources.get("term_months"))


def price_of_part(price: ExactPrice, period: BillingPeriod, policies: Policies) -> Money:
    """The share of `price`, the price of `period.full`, that falls on `period.service`."""
    days, whole = share_ratio(period.service, period.full, policies)
    minor = round_ratio(price.numerator * days, price.denominator * whole, policies.rounding)
    return Money(minor, price.currency)
