"""A CRM with something of everything, the same for the same seed."""

from __future__ import annotations

from random import Random

from integration_pipeline_tests.pipeline.portal import DEAL, LINE_ITEM, Portal

_CURRENCIES = (
    ("us", "USD", "99.90"),
    ("eu", "EUR", "1250.00"),
    ("jp", "JPY", "9800"),
    ("us", "KWD", "1.125"),
)
_TAXES: tuple[dict[str, str], ...] = ({}, {"tax_treatment": "Exclusive", "tax_rates": "VAT 19%"})
_FREQUENCIES = ("monthly", "quarterly", "annually", None)


def various(deals: int, seed: int = 7) -> Portal:
    """Deals of half a year: recurring, once, lost, open, unreadable; taxed or not; merged customers."""
    rng = Random(seed)  # noqa: S311 - nothing secret
    portal = Portal()
    for number in range(1, 9):
        portal.company(f"{700 + number}", name=f"Customer {number}", domain=f"c{number % 6}.example")
    for number in range(1, deals + 1):
        deal = str(number)
        entity, currency, price = rng.choice(_CURRENCIES)
        lines = [f"{number}{line:02}" for line in range(rng.randrange(4))]
        for line in lines:
            frequency = rng.choice(_FREQUENCIES)
            quantity = str(rng.randrange(1, 9))
            portal.line_item(line, quantity=quantity, price=price, recurringbillingfrequency=frequency)
        portal.deal(
            deal,
            company=f"{700 + rng.randrange(1, 9)}",
            lines=lines,
            dealname=f"Deal {number}",
            dealstage=rng.choice(("closedwon",) * 5 + ("closedlost", "contractsent")),
            closedate=f"2026-0{rng.randrange(1, 7)}-{rng.randrange(1, 29):02}T10:00:00Z",
            deal_currency_code=currency,
            billing_entity=entity,
            contract_term_months=str(rng.randrange(3, 15)),
            billing_timing=rng.choice(("In advance", "In arrears")),
            **_TAXES[number % 2],
            amount=rng.choice((price, price, "unreadable")) if not lines else None,
        )
    return portal


def change_something(portal: Portal, seed: int = 8) -> None:
    """Some deals change after the first run: other prices, other stages, more line items."""
    rng = Random(seed)  # noqa: S311 - nothing secret
    for kind, external_id in sorted(portal.records):
        if kind is LINE_ITEM and rng.random() < 0.2:
            portal.change(LINE_ITEM, external_id, quantity=str(rng.randrange(1, 9)))
        if kind is DEAL and rng.random() < 0.2:
            portal.change(DEAL, external_id, dealstage=rng.choice(("closedwon", "closedlost")))
        if kind is DEAL and rng.random() < 0.1:
            portal.line_item(f"{external_id}99", deal=external_id)


def amend_something(portal: Portal, seed: int = 9) -> None:
    """Every other deal becomes twice as large from some day of May on."""
    rng = Random(seed)  # noqa: S311 - nothing secret
    for kind, external_id in sorted(portal.records):
        if kind is DEAL and rng.random() < 0.5:
            portal.change(DEAL, external_id, amendment_effective_date=f"2026-05-{rng.randrange(1, 29):02}")
            for link in portal.records[DEAL, external_id].associations.get(LINE_ITEM, ()):
                quantity = int(portal.records[LINE_ITEM, link.external_id].properties["quantity"] or 1)
                portal.change(LINE_ITEM, link.external_id, quantity=str(2 * quantity))
