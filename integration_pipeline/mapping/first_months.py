"""What differs in the first months of what recurs: ramps and promotions.

Belongs here: the phases and discounts of a charge, whether its line item or its deal states them. Does not
belong here: reading their text (`written.ramps`), its price otherwise (`charges`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from integration_pipeline.mapping.draft_charge import DraftCharge
from integration_pipeline.mapping.reader import Reader
from integration_pipeline.mapping.written.ramps import Ramp, RampStep

_STATED_BY = ("ramp", "ramp_months", "promo_percent")


def put_first_months(deal: Reader, charges: Sequence[DraftCharge]) -> None:
    """Give the charges that recur the ramp and the promotion of their line item, or else of the deal."""
    recurring = [charge for charge in charges if charge.recurs]
    _refuse_where_nothing_recurs(deal, charges)
    for reader in (deal, *(charge.reader for charge in recurring)):
        _refuse_halves(reader)
    heirs = [charge for charge in recurring if _ramp(charge.reader) is None]
    ramp = _ramp(deal)
    if ramp is not None and ramp[0].states_prices and len(heirs) > 1:
        deal.problem_of("ramp", f"states prices, but {len(heirs)} line items recur: write it on each of them")
    for charge in recurring:
        _put_phases(charge, deal)
        _put_promotion(charge, deal)


def _put_phases(charge: DraftCharge, deal: Reader) -> None:
    for reader in (charge.reader, deal):
        if (stated := _ramp(reader)) is not None:
            ramp, term = stated
            own = charge.terms.get("discount_percent")
            discount = own if isinstance(own, Decimal) else Decimal(0)
            phases = [_phase(step, discount) for step in ramp.steps]
            charge.put("phases", phases, reader.sources.get(term))
            return


def _ramp(reader: Reader) -> tuple[Ramp, str] | None:
    """The ramp that a record states, and the term that says what is paid."""
    ramp, months = reader.terms.get("ramp"), reader.terms.get("ramp_months")
    percent_off = reader.terms.get("ramp_percent_off")
    if isinstance(ramp, Ramp):
        return ramp, "ramp"
    if isinstance(months, int) and isinstance(percent_off, Decimal):
        return Ramp((RampStep(1, months, 100 - percent_off, None),)), "ramp_percent_off"
    return None


def _phase(step: RampStep, discount: Decimal) -> dict[str, Any]:
    """One step of a ramp. A phase's percentage off replaces the charge's own, so both are in it."""
    phase: dict[str, Any] = {"name": step.label, "after_months": step.first_month - 1}
    if step.last_month is not None:
        phase["months"] = step.last_month - step.first_month + 1
    if step.price is not None:
        phase["unit_price"] = step.price
    elif not step.percent:
        phase["free"] = True
    else:
        phase["discount_percent"] = 100 - step.percent * (100 - discount) / 100
    return phase


def _put_promotion(charge: DraftCharge, deal: Reader) -> None:
    for reader in (charge.reader, deal):
        percent = reader.terms.get("promo_percent")
        limits = {
            name: reader.terms[term]
            for name, term in (("first_days", "promo_days"), ("first_months", "promo_months"))
            if term in reader.terms
        }
        if percent is not None and limits:
            promotion = {"name": "promotion", "percent": percent, **limits}
            charge.put("discounts", [promotion], reader.sources.get("promo_percent"))
            return


def _refuse_where_nothing_recurs(deal: Reader, charges: Sequence[DraftCharge]) -> None:
    for charge in charges:
        if not charge.recurs and (stated := _first_stated(charge.reader)):
            charge.reader.problem_of(stated, "is on a one-time line item: only what recurs has first months")
    if not any(charge.recurs for charge in charges) and (stated := _first_stated(deal)):
        deal.problem_of(stated, "needs a line item that recurs")


def _first_stated(reader: Reader) -> str | None:
    return next((term for term in _STATED_BY if term in reader.terms), None)


def _refuse_halves(reader: Reader) -> None:
    """A ramp in months and percent needs both, and so does a promotion."""
    has = reader.terms.__contains__
    if has("ramp") and (has("ramp_months") or has("ramp_percent_off")):
        reader.problem_of(
            "ramp_months" if has("ramp_months") else "ramp_percent_off",
            "stands beside a ramp that is written out: clear one of them",
        )
    elif has("ramp_months") and not has("ramp_percent_off"):
        reader.problem_of("ramp_months", "needs the percentage off in these months")
    elif has("ramp_percent_off") and not has("ramp_months"):
        reader.problem_of("ramp_percent_off", "needs the number of months")
    limits = [term for term in ("promo_days", "promo_months") if has(term)]
    if has("promo_percent") and not limits:
        reader.problem_of("promo_percent", "needs the number of days or months it is for")
    if limits and not has("promo_percent"):
        reader.problem_of(limits[0], "needs the percentage off in that time")
