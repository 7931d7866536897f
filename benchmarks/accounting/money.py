"""Customers who pay: some by card at Stripe, which pays out to the bank, the others at the bank itself.

Belongs here: the sandboxes of Stripe and Plaid, and what happens in them. Does not belong here: what becomes
of it in the books.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.payments.plaid.config import PlaidSettings
from integration_pipeline.payments.plaid.source import PlaidSource
from integration_pipeline.payments.stripe.config import StripeSettings
from integration_pipeline.payments.stripe.source import StripeSource
from integration_pipeline.sandbox.plaid import app as plaid
from integration_pipeline.sandbox.plaid.limits import Limits as PlaidLimits
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.stripe import app as stripe
from integration_pipeline.sandbox.stripe.limits import Limits as StripeLimits

# They open nothing but the sandboxes of this program.
_ADMIN_KEY = "admin-of-the-benchmark"
_STRIPE_KEY = "sk_test_51Benchmark"
_PLAID_SECRET = "secret-of-the-benchmark"  # noqa: S105
_FREELY = 1_000_000


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice that is paid, over `minor` cents of a dollar."""

    number: str
    minor: int
    payer: str


@dataclass(frozen=True, slots=True)
class Money:
    """Both sandboxes, and connectors that read them."""

    stripe: VendorProcess
    plaid: VendorProcess
    cards: StripeSource
    bank: PlaidSource

    def pay_by_card(self, bills: Sequence[Bill]) -> int:
        """Each by a charge that names its invoice; then Stripe pays out, less its fees. The net in cents."""
        for bill in bills:
            self.stripe.admin(
                "POST",
                "/payments",
                {
                    "amount": bill.minor,
                    "metadata": {"invoice_number": bill.number},
                    "payer": {"name": bill.payer},
                },
            )
        if not bills:
            return 0
        payout = self.stripe.admin("POST", "/payouts", {"with_pending": True})
        line = {"amount": _out(payout["amount"]), "date": _today(), "name": "STRIPE TRANSFER"}
        self.plaid.admin("POST", "/transactions", {"lines": [line]})
        return int(payout["amount"])

    def pay_by_bank(self, bills: Sequence[Bill]) -> None:
        """Each by a line whose text names the invoice."""
        lines = [
            {
                "amount": _out(bill.minor),
                "date": _today(),
                "name": f"ACH {bill.payer} {bill.number}",
                "payer": bill.payer,
            }
            for bill in bills
        ]
        if lines:
            self.plaid.admin("POST", "/transactions", {"lines": lines})


@contextmanager
def money(folder: Path) -> Generator[Money]:
    """Stripe and Plaid, without limits, in `folder`."""
    with (
        VendorProcess("stripe", folder / "stripe", _stripe_options()) as cards,
        VendorProcess("plaid", folder / "plaid", _plaid_options()) as bank,
    ):
        item = bank.admin("POST", "/items", {})
        card_settings = StripeSettings(
            api_key=SecretStr(_STRIPE_KEY),
            base_url=cards.base_url,
            requests_per_second=_FREELY,
            requests_per_second_and_resource=_FREELY,
        )
        bank_settings = PlaidSettings(
            client_id="benchmark",
            secret=SecretStr(_PLAID_SECRET),
            base_url=bank.base_url,
            access_token=SecretStr(item["access_token"]),
            requests_per_minute=_FREELY,
            syncs_per_minute=_FREELY,
        )
        with (
            StripeSource(card_settings, registry=CollectorRegistry()) as card_source,
            PlaidSource(bank_settings, registry=CollectorRegistry()) as bank_source,
        ):
            yield Money(cards, bank, card_source, bank_source)


def _stripe_options() -> stripe.Options:
    return stripe.Options.model_validate(
        {
            "admin_key": _ADMIN_KEY,
            "keys": {"secret": [_STRIPE_KEY]},
            "webhook_secrets": ["whsec_benchmark"],
            "limits": StripeLimits.unlimited().model_dump(),
        }
    )


def _plaid_options() -> plaid.Options:
    return plaid.Options.model_validate(
        {
            "admin_key": _ADMIN_KEY,
            "client_id": "benchmark",
            "secret": _PLAID_SECRET,
            "limits": PlaidLimits(sync_per_item=None, per_client=None).model_dump(),
        }
    )


def _out(minor: int) -> str:
    """With Plaid's sign: money that comes in is negative."""
    return f"-{minor // 100}.{minor % 100:02}"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
