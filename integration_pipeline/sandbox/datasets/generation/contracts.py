"""Invented deals with sound contract terms. What only some have is in `special_terms`; dirt comes later.

A deal's `amount` is its total contract value: every line's net price, a recurring one times the periods of
the term (of a year, if it is evergreen), half up to the currency's minor unit.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from integration_pipeline.sandbox.datasets.generation import names
from integration_pipeline.sandbox.datasets.generation.catalogue import (
    CURRENCY_DECIMALS,
    MONTHS_PER_PERIOD,
    ONE_TIME,
    RECURRING,
    Product,
    rounded,
)
from integration_pipeline.sandbox.datasets.generation.customers import Company
from integration_pipeline.sandbox.datasets.model import CrmObject, Link, Owner
from integration_pipeline.sandbox.datasets.schema import PAYMENT_TERMS

FIRST_CLOSE = date(2025, 1, 1)
CLOSE_DAYS = (date(2026, 6, 30) - FIRST_CLOSE).days + 1
# Open deals are expected to close near the end of the window.
OPEN_CLOSE_DAYS = 120
WON_PERCENT = 45
LOST_PERCENT = 30
OPEN_STAGES = (
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
)

RECURRING_TERMS = (
    "contract_term_months",
    "ramp_schedule",
    "ramp_months",
    "ramp_discount_percent",
    "promo_percent",
    "promo_days",
    "billing_anchor",
    "contract_renewal",
    "renewal_uplift_percent",
)
"""Terms of a deal that mean nothing where nothing recurs."""


@dataclass(slots=True)
class LineDraft:
    """A line item in the making; `product` is the key of its catalogue entry, if it has one."""

    properties: dict[str, str]
    product: str | None

    @property
    def recurs(self) -> bool:
        return "recurringbillingfrequency" in self.properties


@dataclass(slots=True)
class DealDraft:
    """A deal in the making, with its lines; dirt and later changes alter it until it is frozen."""

    key: str
    properties: dict[str, str]
    company: Company | None
    contacts: list[str]
    owner: str
    lines: list[LineDraft] = field(default_factory=list[LineDraft])

    @property
    def is_won(self) -> bool:
        return self.properties["dealstage"] == "closedwon"

    @property
    def has_term(self) -> bool:
        return "contract_term_months" in self.properties

    def total(self) -> str:
        """Total contract value of the lines, as HubSpot writes an amount."""
        places = CURRENCY_DECIMALS[self.properties["deal_currency_code"]]
        # A year of what has no end.
        term = Decimal(self.properties.get("contract_term_months", "12"))
        total = sum((_line_total(line, term) for line in self.lines), Decimal(0))
        return str(rounded(total, places))

    def drop_lines(self) -> None:
        """Leave the amount alone: without lines nothing recurs, and no term is about what recurs."""
        self.lines.clear()
        for name in RECURRING_TERMS:
            self.properties.pop(name, None)

    def line_key(self, number: int) -> str:
        """Key of the line item at 1-based position `number`."""
        return f"{self.key}-line-{number}"

    def freeze_lines(self) -> list[CrmObject]:
        return [
            CrmObject(
                "line_items",
                self.line_key(number),
                dict(line.properties),
                references={"hs_product_id": Link("products", line.product)} if line.product else {},
            )
            for number, line in enumerate(self.lines, start=1)
        ]

    def freeze(self) -> CrmObject:
        links = [Link("companies", self.company.key)] if self.company else []
        links += [Link("contacts", key) for key in self.contacts]
        links += [Link("line_items", self.line_key(number)) for number in range(1, len(self.lines) + 1)]
        return CrmObject(
            "deals",
            self.key,
            dict(self.properties),
            associations=tuple(links),
            references={"hubspot_owner_id": Link("owners", self.owner)},
        )


def _line_total(line: LineDraft, term: Decimal) -> Decimal:
    """Net price of a line over the whole term, exact."""
    properties = line.properties
    discount = Decimal(properties.get("hs_discount_percentage", "0")) / 100
    net = Decimal(properties["quantity"]) * Decimal(properties["price"]) * (1 - discount)
    frequency = properties.get("recurringbillingfrequency")
    return net if frequency is None else net * term / MONTHS_PER_PERIOD[frequency]


def hire_owners() -> tuple[Owner, ...]:
    """The invented seller's sales people."""
    return tuple(
        Owner(f"owner-{number}", f"seller{number}@demo-seller.example", first, last)
        for number, (first, last) in enumerate(names.SELLERS, start=1)
    )


def sign_deals(
    rng: Random, count: int, companies: list[Company], owners: tuple[Owner, ...]
) -> list[DealDraft]:
    """`count` deals, exactly 45 % won and 30 % lost, in random order."""
    won, lost = count * WON_PERCENT // 100, count * LOST_PERCENT // 100
    stages = ["closedwon"] * won + ["closedlost"] * lost
    stages += [rng.choice(OPEN_STAGES) for _ in range(count - len(stages))]
    rng.shuffle(stages)
    return [
        _deal(rng, f"deal-{number:04}", stage, rng.choice(companies), rng.choice(owners))
        for number, stage in enumerate(stages, start=1)
    ]


def _deal(rng: Random, key: str, stage: str, company: Company, owner: Owner) -> DealDraft:
    customer = company.customer
    closed = _close_time(rng, is_open=stage in OPEN_STAGES)
    lines, term = _lines(rng, customer.currency)
    # A name of its own for every deal: only planted duplicates share one.
    subject = lines[0].properties["name"] if lines else "Consulting, fixed price"
    name = customer.name if len(customer.name) < 80 else f"{customer.name[:60]}…"
    properties = {
        "dealname": f"{name} – {subject} {key.removeprefix('deal-')}",
        "pipeline": "default",
        "dealstage": stage,
        "closedate": closed.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deal_currency_code": customer.currency,
        "billing_entity": customer.entity,
        "payment_terms": rng.choices(PAYMENT_TERMS, weights=(10, 10, 50, 10, 15, 5))[0],
        "billing_timing": "In advance" if rng.random() < 0.75 else "In arrears",
    }
    if term is not None:
        properties["contract_term_months"] = str(term)
    if rng.random() < 0.95:
        properties["contract_start_date"] = _start_date(rng, closed.date()).isoformat()
    if rng.random() < 0.7:
        prefix = rng.choice(("PO-", "PO ", "45000", "B/", "#"))
        properties["po_number"] = f"{prefix}{rng.randrange(1000, 99999)}"
    contacts = rng.sample(company.contacts, k=min(len(company.contacts), rng.choice((1, 1, 2))))
    deal = DealDraft(key, properties, company, contacts, owner.key, lines)
    properties["amount"] = deal.total() if lines else _lump_sum(rng, customer.currency)
    return deal


def _close_time(rng: Random, *, is_open: bool) -> datetime:
    """An instant on any day and hour, UTC: often another civil day where the deal is billed."""
    first = CLOSE_DAYS - OPEN_CLOSE_DAYS if is_open else 0
    day = FIRST_CLOSE + timedelta(days=rng.randrange(first, CLOSE_DAYS))
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return moment + timedelta(minutes=rng.randrange(24 * 60))


def _start_date(rng: Random, closed: date) -> date:
    """A civil date after closing: any day, the first of next month, or a month's last day."""
    day = closed + timedelta(days=rng.randrange(46))
    last = monthrange(day.year, day.month)[1]
    match rng.choices(("any", "first", "last"), weights=(60, 25, 15))[0]:
        case "first":
            return day.replace(day=last) + timedelta(days=1)
        case "last":
            return day.replace(day=last)
        case _:
            return day


def _lines(rng: Random, currency: str) -> tuple[list[LineDraft], int | None]:
    """One to four lines and the term in months; no lines for a lump sum, no term without a recurring line."""
    shape = rng.choices(("lump sum", "one-time", "recurring", "mixed"), weights=(2, 22, 36, 40))[0]
    match shape:
        case "one-time":
            one_time, recurring = rng.randrange(1, 4), 0
        case "recurring":
            one_time, recurring = 0, rng.randrange(1, 4)
        case "mixed":
            one_time, recurring = rng.randrange(1, 3), rng.randrange(1, 3)
        case _:
            one_time, recurring = 0, 0
    lines = [_line(rng, product, currency, None) for product in rng.sample(ONE_TIME, one_time)]
    if not recurring:
        return lines, None
    frequency = rng.choices(tuple(MONTHS_PER_PERIOD), weights=(45, 25, 30))[0]
    terms, weights = {
        "monthly": ((3, 6, 9, 12, 18, 24, 36), (8, 10, 5, 60, 5, 8, 4)),
        "quarterly": ((3, 6, 9, 12, 24, 36), (4, 8, 4, 66, 12, 6)),
        "annually": ((12, 24, 36), (70, 18, 12)),
    }[frequency]
    term = rng.choices(terms, weights=weights)[0]
    for product in rng.sample(RECURRING, recurring):
        # Support or storage is sometimes billed monthly beside an annual platform fee.
        line_frequency = "monthly" if rng.random() < 0.15 else frequency
        lines.append(_line(rng, product, currency, line_frequency))
    return lines, term


def _line(rng: Random, product: Product, currency: str, frequency: str | None) -> LineDraft:
    properties = {
        "name": product.name,
        "hs_sku": product.sku,
        "quantity": rng.choice(product.quantities),
        "price": str(product.unit_price(currency, frequency)),
    }
    if frequency is not None:
        properties["recurringbillingfrequency"] = frequency
    if rng.random() < 0.18:
        properties["hs_discount_percentage"] = rng.choice(("5", "10", "12.5", "15", "20", "33.33"))
    return LineDraft(properties, product.key)


def _lump_sum(rng: Random, currency: str) -> str:
    """An agreed amount without lines, in the currency's minor units."""
    places = CURRENCY_DECIMALS[currency]
    scale = {"USD": 100, "EUR": 100, "JPY": 150, "KWD": 1000}[currency]
    return str(Decimal(rng.randrange(1000, 40000) * scale + rng.randrange(scale)).scaleb(-places))
