"""Versions of a contract: what its terms are from each amendment on, and since when that is known.

Belongs here: applying amendments to terms, and stating which terms are in force on which day. Does not belong
here: what was invoiced under an earlier version (`schedule.corrections`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from integration_pipeline.billing.cycles import Cycle
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.policies import CancellationDay, Downgrade, FrequencyChange, Policies
from integration_pipeline.billing.terms import Anchor, AnchorKind, Charge, ContractTerms, Stub
from integration_pipeline.billing.terms.amendments import (
    AddCharge,
    Amendment,
    Change,
    ChargeChange,
    CoTerm,
    PauseService,
    RemoveCharge,
    Renew,
    ReplaceCharge,
    ResumeService,
    SetDiscount,
    SetPrice,
    SetQuantity,
    Terminate,
)
from integration_pipeline.billing.terms.contract import Pause


@dataclass(frozen=True, slots=True)
class TermsVersion:
    """`terms` hold for service from `effective` on; documents know of them from `booked` on.

    Days before `effective` keep the terms of the versions before. `reason` names the amendment.
    """

    terms: ContractTerms
    effective: date
    booked: date
    reason: str | None = None
    ends: date | None = None
    """Nothing is served from this day on; terms alone cannot say that a contract ended before it began."""


def versions_of(terms: ContractTerms, policies: Policies) -> tuple[TermsVersion, ...]:
    """The original terms and one version per amendment, in the order in which they were booked.

    Raises `InvalidTerms` naming the amendment's field, for a change of something that is not there or that
    makes the terms impossible.
    """
    original = terms.model_copy(update={"amendments": ()}) if terms.amendments else terms
    versions = [TermsVersion(original, terms.start, date.min)]
    order = sorted(range(len(terms.amendments)), key=lambda index: terms.amendments[index].booked_on)
    for index in order:
        amendment = terms.amendments[index]
        path = f"amendments[{index}]"
        if amendment.effective < terms.start:
            raise _refused(terms, f"{path}.effective", f"{amendment.effective} is before {terms.start}")
        problems = [(f"{path}.{field}", message) for field, message in amendment.impossibilities()]
        if problems:
            raise InvalidTerms(problems, terms.contract_id)
        versions.extend(_amended(versions, amendment, path, policies))
    return tuple(versions)


def terms_known_on(day: date, versions: Sequence[TermsVersion]) -> ContractTerms:
    """What a document of `day` goes by: the newest terms that were booked by then."""
    return next((version for version in reversed(versions) if version.booked <= day), versions[0]).terms


def _amended(
    versions: Sequence[TermsVersion], amendment: Amendment, path: str, policies: Policies
) -> Iterator[TermsVersion]:
    """One version for all changes of one effective day; a deferred downgrade takes effect later."""
    current, ends = versions[-1].terms, versions[-1].ends
    by_day: dict[date, ContractTerms] = {}
    for position, change in enumerate(amendment.changes):
        where = f"{path}.changes[{position}]"
        day = _effective_day(change, amendment, current, policies)
        changes = _applied(change, current, day, where, policies)
        values = {name: getattr(current, name) for name in type(current).model_fields} | changes
        try:
            current = ContractTerms.model_validate(values)
        except ValueError as error:
            raise _refused(current, where, _reason(error)) from None
        by_day[day] = current
        if isinstance(change, Terminate) or (isinstance(change, RemoveCharge) and "end" in changes):
            ends = day
        elif isinstance(change, Renew):
            # A contract that had ended is served again.
            ends = None
    for day, terms in sorted(by_day.items()):
        yield TermsVersion(terms, day, amendment.booked_on, amendment.amendment_id, ends)


def _effective_day(change: Change, amendment: Amendment, terms: ContractTerms, policies: Policies) -> date:
    match change:
        case Terminate() if policies.cancellation_day is not CancellationDay.NOT_BILLED:
            return amendment.effective + timedelta(days=1)
        case RemoveCharge() if policies.cancellation_day is CancellationDay.BILLED:
            return amendment.effective + timedelta(days=1)
        case ReplaceCharge() if policies.downgrade is Downgrade.PERIOD_END:
            old = terms.charge(change.charge_id)
            if old is not None and _is_downgrade(old, change.charge):
                cycle = cycle_of(terms, old, policies)
                return cycle.period_containing(amendment.effective).end if cycle else amendment.effective
        case _:
            pass
    return amendment.effective


def _applied(
    change: Change, terms: ContractTerms, day: date, where: str, policies: Policies
) -> dict[str, Any]:
    """The fields of `terms` that `change` gives another value."""
    match change:
        case PauseService():
            pause = Pause(start=day, end=change.until, charges=change.charges)
            return {"pauses": (*terms.pauses, pause)}
        case ResumeService():
            return {"pauses": tuple(_resumed(pause, day) for pause in terms.pauses if pause.start < day)}
        case Terminate():
            return _ending(terms, day)
        case CoTerm():
            return _ending(terms, change.end)
        case Renew():
            end = add_months(day, change.term_months)
            raised = tuple(_raised(charge, change.uplift_percent) for charge in terms.charges)
            return {"end": end, "term_months": None, "evergreen": False, "charges": raised}
        case _:
            return _applied_to_charge(change, terms, day, where, policies)


def _applied_to_charge(
    change: ChargeChange, terms: ContractTerms, day: date, where: str, policies: Policies
) -> dict[str, Any]:
    match change:
        case SetQuantity():
            quantity = {"quantity": change.quantity}
            return _with_charge(terms, change.charge_id, where, quantity, strip=("quantity",))
        case SetPrice():
            prices = {"unit_price": change.unit_price, "price": change.price}
            return _with_charge(terms, change.charge_id, where, prices, strip=("unit_price", "price", "free"))
        case SetDiscount():
            discount = {"discount_percent": change.discount_percent}
            return _with_charge(terms, change.charge_id, where, discount, strip=("discount_percent",))
        case ReplaceCharge():
            old = _required(terms, change.charge_id, where)
            new = _taking_over(terms, old, change.charge, day, policies)
            return {"charges": tuple(new if charge is old else charge for charge in terms.charges)}
        case AddCharge():
            new = change.charge if change.charge.start else _starting(change.charge, day)
            return {"charges": (*terms.charges, new)}
        case RemoveCharge():
            removed = _required(terms, change.charge_id, where)
            if len(terms.charges) == 1:
                return _ending(terms, day)
            return {"charges": tuple(charge for charge in terms.charges if charge is not removed)}


def cycle_of(
    terms: ContractTerms, charge: Charge, policies: Policies, restarted: date | None = None
) -> Cycle | None:
    """The grid of a charge's billing periods; None if it does not recur.

    `restarted` is the day on which a change of frequency took effect, if one did.
    """
    step = charge.frequency.step
    if step is None:
        return None
    start = charge.start or terms.start
    anchor = charge.anchor or terms.anchor
    if (charge.stub or terms.stub) is Stub.LAST:
        anchor = Anchor()
    if restarted is not None and policies.frequency_change is FrequencyChange.NEW_CYCLE:
        return Cycle(restarted, step, policies.month_end)
    origin, day = anchor.origin(terms.start, start, step)
    return Cycle(origin, step, policies.month_end, day)


def _taking_over(terms: ContractTerms, old: Charge, new: Charge, day: date, policies: Policies) -> Charge:
    """`new` from `day` on, in the billing periods of `old` unless its frequency begins a cycle of its own."""
    if new.charge_id == old.charge_id:
        return new if new.start or not old.start else new.model_copy(update={"start": old.start})
    same_cycle = (
        new.frequency == old.frequency or policies.frequency_change is FrequencyChange.ANNIVERSARY_KEPT
    )
    changes: dict[str, Any] = {} if new.start else {"start": day}
    cycle = cycle_of(terms, old, policies)
    if same_cycle and cycle is not None and new.anchor is None:
        boundary = cycle.boundary(0)
        changes["anchor"] = Anchor(kind=AnchorKind.CO_TERM, date=boundary)
    return new.model_copy(update=changes)


def _with_charge(
    terms: ContractTerms, charge_id: str, where: str, changes: dict[str, Any], *, strip: tuple[str, ...]
) -> dict[str, Any]:
    """The charges with one changed, in its phases too: a phase states only what an amendment does not."""
    changed = _required(terms, charge_id, where)
    cleared: dict[str, Any] = {name: False if name == "free" else None for name in strip}
    phases = tuple(phase.model_copy(update=cleared) for phase in changed.phases)
    # The CRM field says what the term was before; from here on the amendment says it.
    sources = {name: source for name, source in changed.sources.items() if name not in changes}
    new = changed.model_copy(update={**changes, "phases": phases, "sources": sources})
    return {"charges": tuple(new if charge is changed else charge for charge in terms.charges)}


def _required(terms: ContractTerms, charge_id: str, where: str) -> Charge:
    charge = terms.charge(charge_id)
    if charge is None:
        known = ", ".join(charge.charge_id[:40] for charge in terms.charges[:10])
        raise _refused(terms, f"{where}.charge_id", f"{charge_id[:80]!r} is no charge; there are {known}")
    return charge


def _starting(charge: Charge, day: date) -> Charge:
    return charge.model_copy(update={"start": day})


def _ending(terms: ContractTerms, end: date) -> dict[str, Any]:
    """Everything ends on `end`, whatever each charge said; what would have begun later never does."""
    if end <= terms.start:
        # Nothing of the contract is left; a day of it is what terms can say, and no day of it is served.
        end = terms.start + timedelta(days=1)
    charges = tuple(
        charge.model_copy(
            update={
                "end": end if charge.end and charge.end > end else charge.end,
                "phases": tuple(
                    phase for phase in charge.phases if phase.starts(charge.start or terms.start) < end
                ),
            }
        )
        for charge in terms.charges
        if (charge.start or terms.start) < end
    )
    return {"end": end, "term_months": None, "evergreen": False, "renewal": None, "charges": charges}


def _resumed(pause: Pause, day: date) -> Pause:
    return pause if pause.end is not None else pause.model_copy(update={"end": day})


def _raised(charge: Charge, percent: Decimal) -> Charge:
    return charge.model_copy(update={"uplifts": (*charge.uplifts, percent)}) if percent else charge


def _is_downgrade(old: Charge, new: Charge) -> bool:
    """Whether the new charge costs less per month; unknown (no unit price) counts as an upgrade."""
    return _per_month(new) < _per_month(old)


def _per_month(charge: Charge) -> Decimal:
    step = charge.frequency.step
    if charge.unit_price is None or step is None:
        return Decimal(0)
    months = Decimal(step.months) if step.months else Decimal(step.days) * 12 / 365
    return charge.quantity * charge.unit_price / months


def _refused(terms: ContractTerms, path: str, message: str) -> InvalidTerms:
    return InvalidTerms([(path, message)], terms.contract_id)


def _reason(error: ValueError) -> str:
    return str(error).splitlines()[-1][:300]
