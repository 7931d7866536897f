"""Dirt: the ways real CRM deals are wrong, each planted in several won deals and recorded.

Belongs here: what can be wrong and how it gets so. Does not belong here: what the pipeline says about it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from integration_pipeline.sandbox.datasets.generation.contracts import DealDraft, LineDraft
from integration_pipeline.sandbox.datasets.generation.customers import Record
from integration_pipeline.sandbox.datasets.generation.names import HOSTILE_CURATED


class DirtKind(StrEnum):
    """Kinds of dirt. `BLOCKING` ones leave no right invoice to make; the others only look or link badly."""

    MISSING_AMOUNT = "missing_amount"
    MALFORMED_AMOUNT = "malformed_amount"
    MISSING_CLOSE_DATE = "missing_close_date"
    IMPLAUSIBLE_CLOSE_DATE = "implausible_close_date"
    MALFORMED_CONTRACT_START = "malformed_contract_start"
    UNKNOWN_CURRENCY = "unknown_currency"
    WITHOUT_COMPANY = "without_company"
    NEGATIVE_AMOUNT = "negative_amount"
    ZERO_QUANTITY_LINE = "zero_quantity_line"
    UNREADABLE_PRODUCT = "unreadable_product"
    UNREADABLE_TIERS = "unreadable_tiers"
    UNREADABLE_RAMP = "unreadable_ramp"
    DUPLICATE_DEAL = "duplicate_deal"

    AMOUNT_AS_TEXT = "amount_as_text"
    CONTRACT_START_AS_TEXT = "contract_start_as_text"
    PADDED_TEXT = "padded_text"
    EMOJI_IN_NAME = "emoji_in_name"
    VERY_LONG_NAME = "very_long_name"
    HOSTILE_NAME = "hostile_name"
    NON_ASCII_NAME = "non_ascii_name"
    APOSTROPHE_IN_NAME = "apostrophe_in_name"
    DUPLICATE_COMPANY_SAME_DOMAIN = "duplicate_company_same_domain"
    DUPLICATE_COMPANY_SAME_TAX_ID = "duplicate_company_same_tax_id"
    LOOKALIKE_COMPANY = "lookalike_company"

    LOST_AFTER_WON = "lost_after_won"
    REOPENED_AFTER_WON = "reopened_after_won"
    LOST_AND_WON_AGAIN = "lost_and_won_again"
    CHANGED_AFTER_WON = "changed_after_won"
    AMENDED_AFTER_WON = "amended_after_won"


UNPARSABLE_AMOUNTS = ("twelve thousand", "12.5OO", "TBC, see contract")
UNPARSABLE_STARTS = ("31/02/2025", "soon", "2025-13-01")
UNKNOWN_CURRENCIES = ("XXZ", "QQQ", "EURO")
UNREADABLE_PRODUCTS = ("\ufffd\ufffd\ufffd \ufffd\ufffd", "#REF!", "???")
UNREADABLE_TIERS = ("see rate card 2025", "1-50: 20.00; 61+: 15.00", "1-100 at list, then 10 off")
UNREADABLE_RAMPS = ("half price in Q1", "months 1-3: 50%; months 3-6: 75%", "as in annex B")
EMOJI = ("🚀", "🔥", "👩🏽‍💻")
HOSTILE_DEAL_NAMES = (
    "Renewal'; DELETE FROM ledger.journal_lines; --",
    '<img src=x onerror="alert(document.cookie)"> upsell',
    "=cmd|'/c calc'!A1",
    "../../etc/passwd %s %n {0}",
)


@dataclass(frozen=True, slots=True)
class _Plant:
    """`spoil` makes the n-th chosen deal dirty; only deals that `fits` accepts are chosen."""

    kind: DirtKind
    count: int
    spoil: Callable[[DealDraft, int], None]
    fits: Callable[[DealDraft], bool] = lambda _: True


def _missing_amount(deal: DealDraft, n: int) -> None:
    del deal.properties["amount"]
    if n == 0:
        deal.drop_lines()
    for line in deal.lines:
        del line.properties["price"]


def _malformed_amount(deal: DealDraft, n: int) -> None:
    deal.drop_lines()
    del deal.properties["amount"]
    deal.properties["contract_value_text"] = UNPARSABLE_AMOUNTS[n]


def _amount_as_text(deal: DealDraft, _: int) -> None:
    amount, currency = deal.properties.pop("amount"), deal.properties["deal_currency_code"]
    whole, _point, cents = amount.partition(".")
    us_style = f"{int(whole):,}.{cents}"
    german_style = us_style.translate(str.maketrans(",.", ".,"))
    deal.drop_lines()
    deal.properties["contract_value_text"] = (
        f"EUR {german_style}" if currency == "EUR" else f"{us_style} {currency}"
    )


def _missing_close_date(deal: DealDraft, _: int) -> None:
    # With a contract start the deal could still be billed, so both are gone.
    del deal.properties["closedate"]
    deal.properties.pop("contract_start_date", None)


def _implausible_close_date(deal: DealDraft, _: int) -> None:
    deal.properties["closedate"] = f"1925{deal.properties['closedate'][4:]}"


def _malformed_start(deal: DealDraft, n: int) -> None:
    deal.properties.pop("contract_start_date", None)
    deal.properties["contract_start_text"] = UNPARSABLE_STARTS[n]


def _start_as_text(deal: DealDraft, _: int) -> None:
    year, month, day = deal.properties.pop("contract_start_date").split("-")
    deal.properties["contract_start_text"] = f"{day}.{month}.{year}"


def _unknown_currency(deal: DealDraft, n: int) -> None:
    # HubSpot refuses a currency it does not offer, so an import leaves it beside the empty property.
    del deal.properties["deal_currency_code"]
    deal.properties["contract_currency_text"] = UNKNOWN_CURRENCIES[n]


def _without_company(deal: DealDraft, _: int) -> None:
    # A contact would lead to the company after all.
    deal.company = None
    deal.contacts.clear()


def _negative_amount(deal: DealDraft, _: int) -> None:
    line = deal.lines[0]
    line.properties["price"] = f"-{line.properties['price']}"
    del deal.lines[1:]
    deal.properties["amount"] = deal.total()


def _zero_quantity(deal: DealDraft, _: int) -> None:
    deal.lines[-1].properties["quantity"] = "0"
    deal.properties["amount"] = deal.total()


def _unreadable_product(deal: DealDraft, n: int) -> None:
    line = deal.lines[0]
    properties = {name: value for name, value in line.properties.items() if name != "hs_sku"}
    deal.lines[0] = LineDraft({**properties, "name": UNREADABLE_PRODUCTS[n]}, product=None)


def _unreadable_tiers(deal: DealDraft, n: int) -> None:
    line = next(line for line in deal.lines if line.recurs)
    line.properties["price_tiers"], line.properties["tier_model"] = UNREADABLE_TIERS[n], "Volume"


def _unreadable_ramp(deal: DealDraft, n: int) -> None:
    for name in ("ramp_months", "ramp_discount_percent"):
        deal.properties.pop(name, None)
    for line in deal.lines:
        line.properties.pop("ramp_schedule", None)
    deal.properties["ramp_schedule"] = UNREADABLE_RAMPS[n]


def _padded_text(deal: DealDraft, _: int) -> None:
    deal.properties["dealname"] = f"  {deal.properties['dealname']}\t "
    deal.properties["po_number"] = f" {deal.properties['po_number']}  "


def _emoji(deal: DealDraft, n: int) -> None:
    deal.properties["dealname"] = f"{EMOJI[n]} {deal.properties['dealname']} ✅"


def _very_long_name(deal: DealDraft, _: int) -> None:
    deal.properties["dealname"] += " – incl. framework agreement, annexes A to K and side letter" * 10


def _hostile_name(deal: DealDraft, n: int) -> None:
    deal.properties["dealname"] = f"{HOSTILE_DEAL_NAMES[n]} {deal.key.removeprefix('deal-')}"


def _has_lines(deal: DealDraft) -> bool:
    return bool(deal.lines)


def _has_several_lines(deal: DealDraft) -> bool:
    return len(deal.lines) > 1


def _has_dollars_or_euros(deal: DealDraft) -> bool:
    return deal.properties["deal_currency_code"] in ("EUR", "USD")


def _has_european_start(deal: DealDraft) -> bool:
    return deal.properties["billing_entity"] == "eu" and "contract_start_date" in deal.properties


_BLOCKING_PLANTS = (
    _Plant(DirtKind.MISSING_AMOUNT, 3, _missing_amount, _has_lines),
    _Plant(DirtKind.MALFORMED_AMOUNT, 3, _malformed_amount),
    _Plant(DirtKind.MISSING_CLOSE_DATE, 3, _missing_close_date),
    _Plant(DirtKind.IMPLAUSIBLE_CLOSE_DATE, 3, _implausible_close_date),
    _Plant(DirtKind.MALFORMED_CONTRACT_START, 3, _malformed_start),
    _Plant(DirtKind.UNKNOWN_CURRENCY, 3, _unknown_currency),
    _Plant(DirtKind.WITHOUT_COMPANY, 3, _without_company),
    _Plant(DirtKind.NEGATIVE_AMOUNT, 3, _negative_amount, lambda d: bool(d.lines) and not d.has_term),
    _Plant(DirtKind.ZERO_QUANTITY_LINE, 3, _zero_quantity, _has_several_lines),
    _Plant(DirtKind.UNREADABLE_PRODUCT, 3, _unreadable_product, _has_lines),
    _Plant(DirtKind.UNREADABLE_TIERS, 3, _unreadable_tiers, lambda deal: deal.has_term),
    _Plant(DirtKind.UNREADABLE_RAMP, 3, _unreadable_ramp, lambda deal: deal.has_term),
)
_HARMLESS_PLANTS = (
    _Plant(DirtKind.AMOUNT_AS_TEXT, 4, _amount_as_text, _has_dollars_or_euros),
    _Plant(DirtKind.CONTRACT_START_AS_TEXT, 4, _start_as_text, _has_european_start),
    _Plant(DirtKind.PADDED_TEXT, 4, _padded_text, lambda deal: "po_number" in deal.properties),
    _Plant(DirtKind.EMOJI_IN_NAME, 3, _emoji),
    _Plant(DirtKind.VERY_LONG_NAME, 3, _very_long_name),
    _Plant(DirtKind.HOSTILE_NAME, 4, _hostile_name),
)
DUPLICATE_DEALS = 3
BLOCKING = frozenset({plant.kind for plant in _BLOCKING_PLANTS} | {DirtKind.DUPLICATE_DEAL})

Catalogue = dict[DirtKind, list[str]]


def plant(rng: Random, deals: list[DealDraft]) -> Catalogue:
    """Spoil some of `deals` in place and append the duplicate deals; a deal gets one planted kind at most.

    Returns the keys of the dirty deals per kind. Raises ValueError when `deals` are too few to choose from.
    """
    catalogue: Catalogue = {}
    clean = [deal for deal in deals if deal.is_won]
    for planted in (*_BLOCKING_PLANTS, *_HARMLESS_PLANTS):
        for n, deal in enumerate(choose(rng, clean, planted.count, planted.fits)):
            planted.spoil(deal, n)
            catalogue.setdefault(planted.kind, []).append(deal.key)
    originals = choose(rng, clean, DUPLICATE_DEALS, _has_lines)
    for original in originals:
        copy = deepcopy(original)
        copy.key = f"deal-{len(deals) + 1:04}"
        deals.append(copy)
        catalogue.setdefault(DirtKind.DUPLICATE_DEAL, []).append(copy.key)
    return catalogue


def choose(
    rng: Random, clean: list[DealDraft], count: int, fits: Callable[[DealDraft], bool]
) -> list[DealDraft]:
    """Take `count` fitting deals out of `clean`, so that nobody else takes them."""
    candidates = [deal for deal in clean if fits(deal)]
    if len(candidates) < count:
        raise ValueError(
            f"deals: only {len(candidates)} won deals are left where a kind of dirt needs {count}; "
            "generate more deals"
        )
    chosen = rng.sample(candidates, count)
    taken = {deal.key for deal in chosen}
    clean[:] = [deal for deal in clean if deal.key not in taken]
    return chosen


def observe(deals: list[DealDraft], catalogue: Catalogue) -> None:
    """Add to `catalogue` what deals have by their names and companies, without anybody planting it."""
    hostile = {curated.name for curated in HOSTILE_CURATED}
    for deal in deals:
        if not deal.is_won:
            continue
        company = deal.company
        record = company.record if company else None
        names = deal.properties["dealname"] + (company.name if company else "")
        kinds = {
            DirtKind.NON_ASCII_NAME: company is not None and not company.name.isascii(),
            DirtKind.APOSTROPHE_IN_NAME: "'" in names,
            DirtKind.HOSTILE_NAME: company is not None and company.customer.name in hostile,
            DirtKind.DUPLICATE_COMPANY_SAME_DOMAIN: record is Record.SAME_DOMAIN,
            DirtKind.DUPLICATE_COMPANY_SAME_TAX_ID: record is Record.SAME_TAX_ID,
            DirtKind.LOOKALIKE_COMPANY: company is not None and company.customer.lookalike,
        }
        for kind, present in kinds.items():
            keys = catalogue.setdefault(kind, [])
            if present and deal.key not in keys:
                keys.append(deal.key)
