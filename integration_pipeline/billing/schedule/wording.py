"""The words of explanations: how each kind of line came to its amount.

Belongs here: rules and formulas of schedule lines as text, rendered only when somebody looks. Does not belong
here: deciding any amount.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from integration_pipeline.billing.explanation import Explanation, ExplanationInput
from integration_pipeline.billing.money import Money, round_ratio
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.pricing import CustomPrice, Quantity, describe_rounding
from integration_pipeline.billing.pricing.wording import counted
from integration_pipeline.billing.proration import describe_share
from integration_pipeline.billing.schedule.amounts import Part
from integration_pipeline.billing.schedule.rates import Rate
from integration_pipeline.billing.schedule.slots import Slot
from integration_pipeline.billing.schedule.timeline import Stretch
from integration_pipeline.billing.schedule.usage_rates import Adjustment
from integration_pipeline.billing.terms import Timing


@dataclass(frozen=True, slots=True)
class ChargeBasis:
    """A part of a slot, charged at its rate."""

    slot: Slot
    part: Part
    policies: Policies

    def explain(self) -> Explanation:
        part, rate, slot = self.part, self.part.rate, self.slot
        currency = rate.gross.currency
        amount = Money(part.minor, currency)
        numerator, denominator = rate.numerator * part.share[0], rate.denominator * part.share[1]
        formula = rate.formula
        if slot.full is not None and part.period != slot.full and slot.charge.metric is None:
            formula += f" × {describe_share(part.period, slot.full, self.policies)}"
        if part.before is not None and part.upto is not None:
            numerator, denominator = part.upto
            total = Money(round_ratio(*part.upto, self.policies.rounding), currency)
            earlier = Money(total.minor - part.minor, currency)
            rounding = describe_rounding(numerator, denominator, total, self.policies.rounding)
            formula += f"; with the days before it {total.format()} − {earlier.format()} = {amount.format()}"
        else:
            rounding = describe_rounding(numerator, denominator, amount, self.policies.rounding)
            if slot.milestone is None:
                formula += f" = {amount.format()}"
            else:
                formula, rounding = _milestone_formula(slot, rate, amount), None
        return Explanation(
            inputs=tuple(_inputs(rate)),
            rule=_rule(slot, part, self.policies),
            rule_version=self.policies.version,
            formula=formula,
            rounding=rounding,
        )


@dataclass(frozen=True, slots=True)
class TrueUpBasis:
    """What lifts a period to its minimum or cuts it to its maximum; or a change of what did, `trued_up`."""

    slot: Slot
    bound: str
    minor: int
    trued_up: int
    reason: str | None
    policies: Policies

    def explain(self) -> Explanation:
        slot, charge, bound = self.slot, self.slot.charge, self.bound
        rate = slot.parts[0].rate
        value = (charge.minimum if bound == "minimum" else charge.maximum) or Decimal(0)
        return Explanation(
            inputs=(
                ExplanationInput(bound, f"{value:f}", charge.sources.get(bound)),
                *_inputs(rate),
            ),
            rule=_because(f"{bound} per billing period: the difference to what was billed", self.reason),
            rule_version=self.policies.version,
            formula=self._formula(value, rate.gross.currency),
            rounding=None if slot.service == slot.full else f"to minor units, {self.policies.rounding}",
        )

    def _formula(self, value: Decimal, currency: str) -> str:
        slot = self.slot
        amount, before = Money(self.minor, currency), Money(self.trued_up, currency)
        billed = Money(sum(part.minor for part in slot.parts), currency)
        stated = f"{value:,f} {currency}"
        if slot.full is not None and slot.service != slot.full and slot.service is not None:
            stated += f" × {describe_share(slot.service, slot.full, self.policies)}"
        due = before + amount
        if due:
            text = f"{stated} − {billed.format()} = {due.format()}"
            return f"{text}; less {before.format()} billed before = {amount.format()}" if before else text
        side = "below" if self.bound == "minimum" else "above"
        # A slot that still has the true-up is the one that was billed: nothing of the period is left.
        why = "the period is not served" if slot.true_up else f"{billed.format()} is not {side} {stated}"
        return f"{why}: {due.format()} − {before.format()} billed before = {amount.format()}"


@dataclass(frozen=True, slots=True)
class CreditBasis:
    """What an amendment takes back of a part that was invoiced."""

    slot: Slot
    part: Part
    unused: Period | None
    credited: int
    reason: str | None
    policies: Policies

    def explain(self) -> Explanation:
        rate = self.part.rate
        currency = rate.gross.currency
        billed, credit = Money(self.part.minor, currency), Money(-self.credited, currency)
        left = Money(self.part.minor + self.credited, currency)
        formula = f"billed {billed.format()} for {self.part.period} − {left.format()} = {credit.format()}"
        rounding = None
        if self.unused is not None and self.slot.full is not None:
            share = describe_share(self.unused, self.slot.full, self.policies)
            formula = f"{rate.formula} × {share}: {formula}"
            rounding = f"what stays billed is rounded {self.policies.rounding}, the credit is the rest"
        return Explanation(
            inputs=tuple(_inputs(rate)),
            rule=_because("credit for what is no longer served", self.reason),
            rule_version=self.policies.version,
            formula=formula,
            rounding=rounding,
        )


@dataclass(frozen=True, slots=True)
class RoundingBasis:
    """A part that costs a minor unit more or less since another part of its period changed."""

    part: Part
    moved: int
    reason: str | None
    policies: Policies

    def explain(self) -> Explanation:
        currency = self.part.rate.gross.currency
        before = Money(self.part.minor, currency)
        now = Money(self.part.minor + self.moved, currency)
        return Explanation(
            inputs=tuple(_inputs(self.part.rate)),
            rule=_because("parts of a period are rounded as they add up", self.reason),
            rule_version=self.policies.version,
            formula=f"{now.format()} − {before.format()} billed = {Money(self.moved, currency).format()}",
            rounding=f"the period's parts together, {self.policies.rounding}",
        )


@dataclass(frozen=True, slots=True)
class AdjustmentBasis:
    """Usage that became known after its period was invoiced."""

    slot: Slot
    adjustment: Adjustment
    policies: Policies

    def explain(self) -> Explanation:
        adjustment = self.adjustment
        currency = adjustment.now.gross.currency
        now, before = adjustment.now.rounded, adjustment.before.rounded
        difference, bounded = Money(adjustment.minor - adjustment.true_up, currency), ""
        if adjustment.true_up:
            moved, left = Money(adjustment.true_up, currency), Money(adjustment.minor, currency)
            bounded = f"; the true-up of the period changes by {moved.format()}, which leaves {left.format()}"
        return Explanation(
            inputs=tuple(_inputs(adjustment.now)),
            rule=f"usage of {adjustment.period} that was received after its invoice",
            rule_version=self.policies.version,
            formula=(
                f"{adjustment.now.formula} = {now.format()}, less billed before: "
                f"{adjustment.before.formula} = {before.format()}; difference {difference.format()}{bounded}"
            ),
            rounding=describe_rounding(
                adjustment.now.numerator, adjustment.now.denominator, now, self.policies.rounding
            ),
        )


def _because(rule: str, reason: str | None) -> str:
    return rule if reason is None else f"{rule}: amendment {reason}"


def _milestone_formula(slot: Slot, rate: Rate, amount: Money) -> str:
    milestone = slot.milestone
    if milestone is None or milestone.percent is None:
        return f"milestone of {amount.format()}"
    return f"{rate.formula} × {milestone.percent:f} %, milestones rounded as they add up = {amount.format()}"


def _rule(slot: Slot, part: Part, policies: Policies) -> str:
    charge = slot.charge
    if slot.milestone is not None:
        return f"milestone: invoiced on {slot.issue_date}"
    if not charge.recurs:
        return "one-time charge: invoiced in full on the day it starts"
    if charge.metric is not None:
        when = f"{charge.frequency}, usage: invoiced on the {policies.arrears_issue_day}"
    elif charge.timing is Timing.ADVANCE:
        when = f"{charge.frequency} in advance: invoiced on the first day of the service period"
    else:
        when = f"{charge.frequency} in arrears: invoiced on the {policies.arrears_issue_day}"
    if part.rate.phase_name is not None:
        when += f", phase {part.rate.phase_name}"
    if charge.metric is not None:
        return f"{when}, for the use of {part.period}"
    if part.period == slot.full:
        return f"{when}, full billing period"
    return f"{when}, part of a billing period: {policies.day_count}, {policies.split}"


def _inputs(rate: Rate) -> Iterator[ExplanationInput]:
    """The terms that decide the amount and the dates of a charge's lines, with their origin."""
    stretch, charge, phase = rate.stretch, rate.charge, rate.phase
    stated, inherited = charge.sources, stretch.terms.sources
    from_phase = stated.get("phases") if phase is not None else None
    has = phase is not None
    quantity_source = from_phase if has and phase.quantity is not None else stated.get("quantity")
    price_source = from_phase if has and phase.unit_price is not None else stated.get("unit_price")
    if charge.metric is None:
        yield ExplanationInput("quantity", quantity_text(rate.quantity), quantity_source)
    else:
        yield ExplanationInput(
            "used", f"{quantity_text(rate.quantity)} {charge.metric.metric}", stated.get("metric")
        )
    if rate.unit_price is not None:
        yield ExplanationInput("unit_price", f"{rate.unit_price:f}", price_source)
    else:
        yield ExplanationInput("price", _model_name(rate), stated.get("price"))
    yield ExplanationInput("currency", rate.gross.currency, inherited.get("currency"))
    discount_source = (
        from_phase if has and phase.discount_percent is not None else stated.get("discount_percent")
    )
    yield ExplanationInput("discount_percent", f"{rate.discount_percent:f}", discount_source)
    for taken in rate.discounts:
        yield ExplanationInput("discounts", taken.discount.label, stated.get("discounts"))
    yield ExplanationInput("frequency", str(charge.frequency), stated.get("frequency"))
    if charge.recurs:
        timing = Timing.ARREARS if charge.billed_after_service else charge.timing
        yield ExplanationInput("timing", timing.value, stated.get("timing"))
    if phase is not None:
        yield ExplanationInput("phase", _phase_text(stretch, rate), stated.get("phases"))
    yield from _service_inputs(stretch)
    yield ExplanationInput("payment_terms", str(stretch.terms.payment_terms), inherited.get("payment_terms"))
    tax, tax_source = (charge.tax, stated) if charge.tax is not None else (stretch.terms.tax, inherited)
    if tax is not None:
        yield ExplanationInput("tax", tax.label, tax_source.get("tax"))


def _service_inputs(stretch: Stretch) -> Iterator[ExplanationInput]:
    charge, terms = stretch.charge, stretch.terms
    stated, inherited = charge.sources, terms.sources
    if charge.start is not None:
        yield ExplanationInput("start", charge.start.isoformat(), stated.get("start"))
    else:
        yield ExplanationInput("start", terms.start.isoformat(), inherited.get("start"))
    if charge.end is not None:
        yield ExplanationInput("end", charge.end.isoformat(), stated.get("end"))
    elif charge.recurs and terms.end is not None:
        yield ExplanationInput("end", terms.end.isoformat(), inherited.get("end"))
    elif charge.recurs and terms.term_months is not None:
        yield ExplanationInput("term_months", str(terms.term_months), inherited.get("term_months"))


def _phase_text(stretch: Stretch, rate: Rate) -> str:
    phase = rate.phase
    if phase is None:
        return ""
    start: date = phase.starts(stretch.charge.start or stretch.terms.start)
    name = phase.name or "phase"
    return f"{name} from {start}"


def quantity_text(quantity: Quantity) -> str:
    """Exactly, a fraction without end as one."""
    return f"{quantity:f}" if isinstance(quantity, Decimal) else counted(Fraction(quantity))


def _model_name(rate: Rate) -> str:
    phase = rate.phase
    model = phase.price if phase is not None and phase.price is not None else rate.charge.price
    if isinstance(model, CustomPrice):
        return f"{model.name} {model.parameters.text}"
    return model.model if model is not None else "unit_price"
