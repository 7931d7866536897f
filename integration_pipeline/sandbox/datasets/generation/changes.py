"""What sales people change in won deals after the first invoices: lost, won again, corrected, amended.

Belongs here: patches, in the order they are made. Does not belong here: what they lead to (credit notes).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from integration_pipeline.sandbox.datasets.generation.catalogue import PRODUCTS
from integration_pipeline.sandbox.datasets.generation.contracts import DealDraft, LineDraft
from integration_pipeline.sandbox.datasets.generation.dirt import Catalogue, DirtKind, choose
from integration_pipeline.sandbox.datasets.model import Change

_LOWER_PRODUCT = {"SEAT-PRO": "SEAT-STD", "SUP-PLAT": "SUP-GOLD"}
_PRODUCT_OF_SKU = {product.sku: product for product in PRODUCTS}
_DAYS_INTO_THE_MONTH = 10


def change_later(rng: Random, deals: list[DealDraft], catalogue: Catalogue) -> tuple[Change, ...]:
    """Patches of deals that have no other dirt; adds the changed deals to `catalogue`."""
    dirty = {key for keys in catalogue.values() for key in keys}
    clean = [deal for deal in deals if deal.is_won and deal.key not in dirty]
    # The original of a duplicate pair stays what its copy is.
    copied = {deal.properties["dealname"] for deal in deals if deal.key in catalogue[DirtKind.DUPLICATE_DEAL]}
    clean = [deal for deal in clean if deal.properties["dealname"] not in copied]
    changes: list[Change] = []

    def take(
        kind: DirtKind, count: int, fits: Callable[[DealDraft], bool] = lambda _: True
    ) -> list[DealDraft]:
        chosen = choose(rng, clean, count, lambda deal: bool(deal.lines) and fits(deal))
        catalogue.setdefault(kind, []).extend(deal.key for deal in chosen)
        return chosen

    lost, reopened = take(DirtKind.LOST_AFTER_WON, 3), take(DirtKind.REOPENED_AFTER_WON, 3)
    changes += [_moved(deal, "closedlost", "The customer withdrew after the first invoice") for deal in lost]
    changes += [_moved(deal, "contractsent", "Reopened for renegotiation") for deal in reopened]
    rewon = take(DirtKind.LOST_AND_WON_AGAIN, 3)
    for stage, why in (
        ("closedlost", "Marked lost by mistake"),
        ("decisionmakerboughtin", "Reopened"),
        ("closedwon", "Won again on the same terms"),
    ):
        changes += [_moved(deal, stage, why) for deal in rewon]
    for deal in take(DirtKind.CHANGED_AFTER_WON, 3):
        changes += _quantity_doubled(deal)
    for deal in take(DirtKind.CHANGED_AFTER_WON, 3):
        changes += _discount_granted(deal)
    for deal in take(DirtKind.CHANGED_AFTER_WON, 2, lambda deal: deal.has_term):
        changes += _term_extended(deal)
    for deal in take(DirtKind.CHANGED_AFTER_WON, 2):
        po_number = f"PO-LATE-{rng.randrange(1000, 9999)}"
        changes.append(
            Change("deals", deal.key, {"po_number": po_number}, "The customer sent its order number")
        )
    raised = take(DirtKind.AMENDED_AFTER_WON, 3, _has_seats)
    downgraded = take(DirtKind.AMENDED_AFTER_WON, 3, _has_upper_product)
    ended = take(DirtKind.AMENDED_AFTER_WON, 3, _may_end_early)
    for amended, amend in ((raised, _seats_added), (downgraded, _downgraded), (ended, _ended_early)):
        for deal in amended:
            changes += amend(deal)
    return tuple(changes)


def _moved(deal: DealDraft, stage: str, why: str) -> Change:
    return Change("deals", deal.key, {"dealstage": stage}, why)


def _quantity_doubled(deal: DealDraft) -> list[Change]:
    last = len(deal.lines)
    quantity = str(Decimal(deal.lines[-1].properties["quantity"]) * 2)
    return _line_patched(deal, last, {"quantity": quantity}, "The customer took twice as many")


def _discount_granted(deal: DealDraft) -> list[Change]:
    return _line_patched(deal, 1, {"hs_discount_percentage": "25"}, "A discount was granted after closing")


def _line_patched(
    deal: DealDraft, number: int, patch: dict[str, str], why: str, effective: date | None = None
) -> list[Change]:
    """Patch one line, then the deal's amount, as HubSpot's editor does; with a date it is an amendment."""
    changed = deepcopy(deal)
    changed.lines[number - 1].properties.update(patch)
    of_deal = {"amount": changed.total()}
    if effective is not None:
        of_deal["amendment_effective_date"] = effective.isoformat()
    return [
        Change("line_items", deal.line_key(number), patch, why),
        Change("deals", deal.key, of_deal, why),
    ]


def _term_extended(deal: DealDraft) -> list[Change]:
    changed = deepcopy(deal)
    term = str(int(deal.properties["contract_term_months"]) + 12)
    changed.properties["contract_term_months"] = term
    patch = {"contract_term_months": term, "amount": changed.total()}
    return [Change("deals", deal.key, patch, "The term was extended by a year")]


def _has_seats(deal: DealDraft) -> bool:
    return _is_dated(deal) and any(line.properties["hs_sku"].startswith("SEAT-") for line in deal.lines)


def _seats_added(deal: DealDraft) -> list[Change]:
    number, line = next(
        (number, line)
        for number, line in enumerate(deal.lines, start=1)
        if line.properties["hs_sku"].startswith("SEAT-")
    )
    quantity = str(int(line.properties["quantity"]) * 3 // 2 + 1)
    why = "Seats were added during the term"
    return _line_patched(deal, number, {"quantity": quantity}, why, _mid_term(deal))


def _has_upper_product(deal: DealDraft) -> bool:
    return _is_dated(deal) and any(map(_may_be_lower, deal.lines))


def _may_be_lower(line: LineDraft) -> bool:
    return line.properties["hs_sku"] in _LOWER_PRODUCT and not {"price_tiers", "ramp_schedule"} & set(
        line.properties
    )


def _downgraded(deal: DealDraft) -> list[Change]:
    number, line = next(
        (number, line) for number, line in enumerate(deal.lines, start=1) if _may_be_lower(line)
    )
    lower = _PRODUCT_OF_SKU[_LOWER_PRODUCT[line.properties["hs_sku"]]]
    frequency = line.properties["recurringbillingfrequency"]
    price = lower.unit_price(deal.properties["deal_currency_code"], frequency)
    patch = {"name": lower.name, "hs_sku": lower.sku, "price": str(price)}
    return _line_patched(deal, number, patch, "Downgraded during the term", _mid_term(deal))


def _may_end_early(deal: DealDraft) -> bool:
    """Nothing in the first months may be longer than what is left of the contract."""
    stated = set(deal.properties).union(*(line.properties for line in deal.lines))
    limited = {"ramp_schedule", "ramp_months", "promo_days", "renewal_uplift_percent"}
    return _is_dated(deal) and not stated & limited


def _ended_early(deal: DealDraft) -> list[Change]:
    changed = deepcopy(deal)
    term = int(deal.properties["contract_term_months"]) // 2
    changed.properties["contract_term_months"] = str(term)
    patch = {
        "contract_term_months": str(term),
        "amount": changed.total(),
        "amendment_effective_date": _months_after_start(deal, term).isoformat(),
    }
    return [Change("deals", deal.key, patch, "The customer ends the contract early, as agreed")]


def _is_dated(deal: DealDraft) -> bool:
    return deal.has_term and "contract_start_date" in deal.properties


def _mid_term(deal: DealDraft) -> date:
    """A day in the middle of a billing period, half-way through the term."""
    half = int(deal.properties["contract_term_months"]) // 2
    return _months_after_start(deal, half) + timedelta(days=_DAYS_INTO_THE_MONTH)


def _months_after_start(deal: DealDraft, months: int) -> date:
    start = date.fromisoformat(deal.properties["contract_start_date"])
    years, month = divmod(start.month - 1 + months, 12)
    last = monthrange(start.year + years, month + 1)[1]
    return start.replace(year=start.year + years, month=month + 1, day=min(start.day, last))
