"""The account's balance: transactions on it, their fees, and what Stripe keeps of a payment.

Belongs here: balance transactions and currency rules. Does not belong here: what caused them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.errors import invalid
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body

FUNDS_HELD_SECONDS = 2 * 86_400
"""A payment can be paid out two days later."""

_FEE_RATE = Decimal("0.029")
_FEE_FIXED = 30
_THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_ZERO_DECIMALS_TWO_WRITTEN = frozenset({"isk", "ugx"})


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an amount reaches the balance: in its own currency, or exchanged into `currency` at `rate`."""

    currency: str
    rate: Decimal | None = None

    def settled(self, amount: int) -> int:
        if self.rate is None:
            return amount
        return int((amount * self.rate).quantize(Decimal(1), ROUND_HALF_UP))


def usual_fee(amount: int, currency: str) -> int:
    """2.9 % and 30: the price of a card payment in the United States; in coins that the currency has."""
    step = 10 if currency in _THREE_DECIMALS else 100 if currency in _ZERO_DECIMALS_TWO_WRITTEN else 1
    return (
        int((amount * _FEE_RATE / step).quantize(Decimal(1), ROUND_HALF_UP)) * step
        + _FEE_FIXED // step * step
    )


def check_amount(amount: int, currency: str, *, param: str = "amount") -> None:
    """Refuse what Stripe takes no payment of (https://docs.stripe.com/currencies)."""
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.islower()):
        raise invalid(f"Invalid currency: {currency}", param="currency")
    if amount < 1:
        raise invalid(
            "This value must be greater than or equal to 1.", param=param, code="parameter_invalid_integer"
        )
    if amount > 99_999_999_999:
        raise invalid("Amount must be no more than 999,999,999.99.", param=param, code="amount_too_large")
    if currency in _THREE_DECIMALS and amount % 10:
        raise invalid("Amounts in three-decimal currencies must end in 0.", param=param)
    if currency in _ZERO_DECIMALS_TWO_WRITTEN and amount % 100:
        raise invalid(f"Amounts in {currency} have no decimals: two zeros must end them.", param=param)


def enter(
    account: Account,
    *,
    kind: str,
    amount: int,
    currency: str,
    source: str | None,
    category: str,
    fee: int = 0,
    rate: Decimal | None = None,
    description: str | None = None,
    held_seconds: int = 0,
) -> Body:
    """A balance transaction of type `kind`: `amount` is signed, `fee` comes off it."""
    created = account.now()
    details: list[Mapping[str, object]] = []
    if fee:
        details.append(
            {
                "amount": fee,
                "application": None,
                "currency": currency,
                "description": "Dispute fee" if category.startswith("dispute") else "Stripe processing fees",
                "type": "stripe_fee",
            }
        )
    return account.create(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": created + held_seconds,
            "balance_type": "payments",
            "created": created,
            "currency": currency,
            "description": description,
            "exchange_rate": rate,
            "fee": fee,
            "fee_details": details,
            "net": amount - fee,
            "reporting_category": category,
            "source": source,
            "status": "pending",
            "type": kind,
        }
    )


def exchanged(account: Account, charge: Body, amount: int) -> tuple[int, Decimal | None, str]:
    """A part of a charge in the currency of the balance, the rate and that currency.

    At the rate of the payment: Stripe would take that of the day, which makes no difference here.
    """
    paid = account.objects.find("balance_transaction", charge["balance_transaction"] or "")
    if paid is None or paid["exchange_rate"] is None:
        return amount, None, charge["currency"]
    rate = Decimal(paid["exchange_rate"])
    return Settlement(paid["currency"], rate).settled(amount), rate, paid["currency"]


def as_it_stands(account: Account, transaction: Body) -> Body:
    """A transaction with the status it has by now."""
    available = transaction["available_on"] <= account.now()
    return {**transaction, "status": "available" if available else "pending"}


def balance(account: Account) -> Body:
    """`GET /v1/balance`: sums over what no payout holds yet, by currency."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    rows = account.file.rows(
        "SELECT currency, json_extract(body, '$.available_on') <= ?, sum(json_extract(body, '$.net'))"
        " FROM objects WHERE kind = 'balance_transaction' GROUP BY 1, 2",
        (account.now(),),
    )
    for currency, available, net in rows:
        sums["available" if available else "pending"][currency] = net
    listed = {
        state: [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(by_currency.items())
        ]
        for state, by_currency in sums.items()
    }
    return {"object": "balance", "livemode": False, **listed}
