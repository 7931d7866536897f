"""What some deals have beyond price and term: ramps, tiers, promotions, tax, other billing days, renewals.

Belongs here: terms that a company can bill, in the words of sales people. Does not belong here: words nobody
can read (`dirt`). A deal's amount knows nothing of them, as a CRM multiplies quantity by price.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from integration_pipeline.sandbox.datasets.generation.catalogue import CURRENCY_DECIMALS, rounded
from integration_pipeline.sandbox.datasets.generation.contracts import DealDraft, LineDraft
from integration_pipeline.sandbox.datasets.generation.customers import Company

# Of the deals that recur, which are three in four; one line in two of these could have tiers.
_RAMP_SHARE, _TIER_SHARE, _PROMO_SHARE = 0.27, 0.30, 0.06
_ANCHOR_SHARE, _RENEWING_SHARE, _EVERGREEN_SHARE, _FIXED_SHARE = 0.10, 0.05, 0.02, 0.2
_TAXED_JAPANESE_SHARE = 0.25
_COUNTED = frozenset({"SEAT-STD", "SEAT-PRO", "DATA-TB"})
# Three decimals could be thousands, so sellers in dinars write percentages.
_AMBIGUOUS = frozenset(currency for currency, places in CURRENCY_DECIMALS.items() if places == 3)


def agree(rng: Random, deals: list[DealDraft]) -> None:
    """Give some of `deals` special terms, in place."""
    charges_vat: dict[str, bool] = {}
    for deal in deals:
        if deal.company is not None:
            _tax(rng, deal, deal.company, charges_vat)
        if not deal.has_term:
            continue
        if rng.random() < _RAMP_SHARE:
            _ramp(rng, deal)
        if rng.random() < _TIER_SHARE:
            _tiers(rng, deal)
        if rng.random() < _PROMO_SHARE:
            deal.properties["promo_percent"] = rng.choice(("10", "15", "25"))
            deal.properties["promo_days"] = rng.choice(("30", "60", "90"))
        if rng.random() < _ANCHOR_SHARE:
            deal.properties["billing_anchor"] = rng.choice(("Calendar", "Calendar", "Day 15", "Anniversary"))
        _term_end(rng, deal)


def _tax(rng: Random, deal: DealDraft, company: Company, charges_vat: dict[str, bool]) -> None:
    """The seller's German company charges VAT at home, and abroad where the customer does not owe it."""
    customer = company.customer
    if customer.entity == "jp" and rng.random() < _TAXED_JAPANESE_SHARE:
        deal.properties["tax_rates"] = "Consumption tax 10%"
    elif customer.country == "Kuwait":
        deal.properties["tax_treatment"] = "Exempt"
        deal.properties["tax_exemption_reason"] = "Service to a business outside the EU"
    elif customer.entity == "eu":
        charged = charges_vat.setdefault(customer.key, customer.country == "Germany" or rng.random() < 0.4)
        deal.properties["tax_rates"] = rng.choice(("VAT 19%", "VAT 19 %"))
        deal.properties["tax_treatment"] = "Exclusive" if charged else "Reverse charge"


def _ramp(rng: Random, deal: DealDraft) -> None:
    """Less in the first months, never longer than the contract."""
    term = int(deal.properties["contract_term_months"])
    step = rng.choice([months for months in (1, 2, 3, 6, 12) if 2 * months <= term])
    recurring = [line for line in deal.lines if line.recurs]
    shapes = ["percent", "percent", "off", "free", "months"]
    if len(recurring) == 1 and deal.properties["deal_currency_code"] not in _AMBIGUOUS:
        shapes += ["price", "price"]
    first, second = ("1", "2") if step == 1 else (f"1-{step}", f"{step + 1}-{2 * step}")
    match rng.choice(shapes):
        case "percent":
            low = rng.choice((25, 40, 50))
            unit = "month" if step == 1 else "months"
            text = f"{unit} {first}: {low}%; {unit} {second}: {(100 + low) // 2}%"
            rng.choice([deal.properties, recurring[0].properties])["ramp_schedule"] = text
        case "off":
            deal.properties["ramp_schedule"] = f"{first}: 40% off\n{second}: 20 % off"
        case "free":
            deal.properties["ramp_schedule"] = f"{first}: free; {second}: 50%"
        case "price":
            full = Decimal(recurring[0].properties["price"])
            low, high = _share(deal, full, 60), _share(deal, full, 80)
            recurring[0].properties["ramp_schedule"] = f"{first}: {low}; {second}: {high}"
        case _:
            deal.properties["ramp_months"] = str(step)
            deal.properties["ramp_discount_percent"] = rng.choice(("20", "25", "33.33", "50"))


def _tiers(rng: Random, deal: DealDraft) -> None:
    """Cheaper by the number, on the first line that is counted and has no ramp in prices."""
    line = next((line for line in deal.lines if line.recurs and _may_have_tiers(deal, line)), None)
    if line is None:
        return
    full = Decimal(line.properties["price"])
    middle, low = _share(deal, full, 90), _share(deal, full, 75)
    size = rng.choice((10, 25, 50, 100))
    model = rng.choice(("Graduated", "Graduated", "Volume", "Volume", "Stairstep", "Package"))
    match model:
        case "Stairstep":
            prices = [_share(deal, full, share * size) for share in (80, 140, 300)]
            text = f"1-{size}: {prices[0]}; {size + 1}-{2 * size}: {prices[1]}; over {2 * size}: {prices[2]}"
        case "Package":
            text = f"{size}: {_share(deal, full, 85 * size)}"
        case _:
            text = f"1-{size}: {full}; {size + 1}-{4 * size}: {middle}; {4 * size + 1}+: {low}"
    line.properties["price_tiers"], line.properties["tier_model"] = text, model


def _may_have_tiers(deal: DealDraft, line: LineDraft) -> bool:
    return (
        line.properties["hs_sku"] in _COUNTED
        and "ramp_schedule" not in line.properties
        and deal.properties["deal_currency_code"] not in _AMBIGUOUS
    )


def _term_end(rng: Random, deal: DealDraft) -> None:
    chance = rng.random()
    if chance < _RENEWING_SHARE:
        deal.properties["contract_renewal"] = "Renews automatically"
        deal.properties["renewal_uplift_percent"] = rng.choice(("0", "3", "5", "7.5"))
    elif chance < _RENEWING_SHARE + _EVERGREEN_SHARE:
        deal.properties["contract_renewal"] = "Evergreen"
        del deal.properties["contract_term_months"]
        deal.properties["amount"] = deal.total()
    elif chance > 1 - _FIXED_SHARE:
        deal.properties["contract_renewal"] = "Fixed term"


def _share(deal: DealDraft, price: Decimal, percent: int) -> str:
    """`percent` of a price, in whole minor units or as fine as the price itself."""
    places = max(CURRENCY_DECIMALS[deal.properties["deal_currency_code"]], -int(price.as_tuple().exponent))
    return str(rounded(price * percent / 100, places))
