"""What the invented seller sells: products with a US dollar list price, and prices in the deal's currency.

Does not belong here: which deal buys what (`contracts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from integration_pipeline.sandbox.datasets.model import CrmObject

MONTHS_PER_PERIOD = {"monthly": 1, "quarterly": 3, "annually": 12}
CURRENCY_DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
LIST_PRICE_FACTORS = {
    "USD": Decimal(1),
    "EUR": Decimal("0.92"),
    "JPY": Decimal(150),
    "KWD": Decimal("0.307"),
}
# Who pays for longer periods pays less per month.
PERIOD_FACTORS = {"monthly": Decimal(1), "quarterly": Decimal("0.95"), "annually": Decimal("0.85")}
# Prices of a cent or less keep this many places more than their currency has.
RATE_PLACES = 4


@dataclass(frozen=True, slots=True)
class Product:
    """`list_price` is US dollars per unit, and per month when `recurring`. `quantities` are usual ones."""

    sku: str
    name: str
    list_price: Decimal
    recurring: bool
    quantities: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"product-{self.sku.lower()}"

    def unit_price(self, currency: str, frequency: str | None) -> Decimal:
        """Price of one unit per billing period (`frequency`), or once when `frequency` is None."""
        price = self.list_price * LIST_PRICE_FACTORS[currency]
        if frequency is not None:
            price *= MONTHS_PER_PERIOD[frequency] * PERIOD_FACTORS[frequency]
        places = CURRENCY_DECIMALS[currency] + (RATE_PLACES if self.list_price < 1 else 0)
        return rounded(price, places)


def rounded(value: Decimal, places: int) -> Decimal:
    """`value` half up to `places` decimals."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


_SEATS = ("5", "12", "20", "35", "60", "110", "250", "400")

PRODUCTS = (
    Product("PLAT-CORE", "Platform subscription", Decimal("1200.00"), recurring=True, quantities=("1",)),
    Product("SEAT-STD", "User seat, standard", Decimal("24.00"), recurring=True, quantities=_SEATS),
    Product("SEAT-PRO", "User seat, professional", Decimal("55.50"), recurring=True, quantities=_SEATS),
    Product("SUP-GOLD", "Gold support", Decimal("450.00"), recurring=True, quantities=("1",)),
    Product("SUP-PLAT", "Platinum support (24×7)", Decimal("1250.00"), recurring=True, quantities=("1",)),
    Product(
        "API-PACK", "API calls, prepaid", Decimal("0.0125"), recurring=True, quantities=("50000", "125000")
    ),
    Product(
        "DATA-TB", "Data storage, TB", Decimal("89.00"), recurring=True, quantities=("1", "2.5", "8", "40")
    ),
    Product("SEC-SSO", "Single sign-on", Decimal("199.00"), recurring=True, quantities=("1",)),
    Product("ONB-FIX", "Onboarding", Decimal("3500.00"), recurring=False, quantities=("1",)),
    Product(
        "TRN-DAY", "Training day", Decimal("1450.00"), recurring=False, quantities=("1", "2", "2.5", "3")
    ),
    Product("MIG-DATA", "Data migration", Decimal("6200.00"), recurring=False, quantities=("1",)),
    Product(
        "HW-GATE", "Gateway appliance", Decimal("899.99"), recurring=False, quantities=("1", "3", "7", "24")
    ),
    Product(
        "SVC-HOUR",
        "Custom development, hour",
        Decimal("185.00"),
        recurring=False,
        quantities=("10", "16.25", "80", "160"),
    ),
)
RECURRING = tuple(product for product in PRODUCTS if product.recurring)
ONE_TIME = tuple(product for product in PRODUCTS if not product.recurring)


def product_objects() -> list[CrmObject]:
    """The catalogue as CRM products; their price is the US dollar list price."""
    return [
        CrmObject(
            "products",
            product.key,
            {"name": product.name, "hs_sku": product.sku, "price": str(product.list_price)},
        )
        for product in PRODUCTS
    ]
