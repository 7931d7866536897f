"""Typed Stripe calls: one method per endpoint, lists followed to their end.

Belongs here: requests, paging. Does not belong here: which objects to read when (`source`), what they mean
(`reading`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from integration_pipeline.payments.stripe.config import PAGE
from integration_pipeline.transport.client import VendorClient
from integration_pipeline.transport.failures import NotFound
from integration_pipeline.transport.paging import follow_cursor
from integration_pipeline.transport.shapes import Json

_WITH_SOURCE = ("data.source",)


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list, newest first. `served_at` is Stripe's clock."""

    items: list[Json]
    served_at: datetime | None


class StripeApi:
    """The calls this pipeline makes. Whatever goes wrong at Stripe is one of the transport's failures."""

    def __init__(self, client: VendorClient) -> None:
        self._client = client

    def events(self, types: Sequence[str], since: int) -> Iterator[Listed]:
        """Events of up to 20 types that happened at `since` (seconds since 1970) or later."""
        named = {f"types[{index}]": each for index, each in enumerate(types)}
        return self._list("events", {**named, "created[gte]": str(since)})

    def charge(self, identifier: str) -> Json:
        """With its balance transaction, null where Stripe has none yet."""
        return self._one("charges", identifier, ("balance_transaction",))

    def refund(self, identifier: str) -> Json:
        return self._one("refunds", identifier, ("balance_transaction", "failure_balance_transaction"))

    def refunds_of(self, charge: str) -> Iterator[Listed]:
        expand = ("data.balance_transaction", "data.failure_balance_transaction")
        return self._list("refunds", {"charge": charge}, expand)

    def dispute(self, identifier: str) -> Json:
        """Its balance transactions are always objects."""
        return self._one("disputes", identifier)

    def payout(self, identifier: str) -> Json:
        return self._one("payouts", identifier, ("balance_transaction", "failure_balance_transaction"))

    def payouts(self, since: int) -> Iterator[Listed]:
        expand = ("data.balance_transaction", "data.failure_balance_transaction")
        return self._list("payouts", {"created[gte]": str(since)}, expand)

    def in_payout(self, payout: str) -> Iterator[Listed]:
        """The balance transactions of an automatic payout, its own among them, each with its source."""
        return self._list("balance_transactions", {"payout": payout}, _WITH_SOURCE)

    def balance_transactions(self, since: int) -> Iterator[Listed]:
        """Everything that moved on the balance at `since` or later, each with its source."""
        return self._list("balance_transactions", {"created[gte]": str(since)}, _WITH_SOURCE)

    def payment_intent(self, identifier: str) -> Json:
        return self._one("payment_intents", identifier)

    def invoice_payments(self, payment_intent: str) -> list[Json]:
        """Which invoices a payment intent pays, each with the invoice: the link since API version Basil."""
        params = {"payment[type]": "payment_intent", "payment[payment_intent]": payment_intent}
        pages = self._list("invoice_payments", params, ("data.invoice",))
        return [each for page in pages for each in page.items]

    def customer(self, identifier: str) -> Json | None:
        """None for one Stripe does not know any more."""
        try:
            return self._one("customers", identifier)
        except NotFound:
            return None

    def _one(self, resource: str, identifier: str, expand: Sequence[str] = ()) -> Json:
        # An id is letters and digits; whatever else passes for one must not become another path.
        path = f"/v1/{resource}/{quote(identifier, safe='')}"
        return self._client.read(
            "GET", path, operation=f"{resource}.read", params=_expanded(expand), bucket=resource
        ).json()

    def _list(self, resource: str, params: Mapping[str, str], expand: Sequence[str] = ()) -> Iterator[Listed]:
        asked = {**params, **_expanded(expand), "limit": str(PAGE)}

        def page(after: str | None) -> tuple[Listed, Json | None]:
            reply = self._client.read(
                "GET",
                f"/v1/{resource}",
                operation=f"{resource}.list",
                params=asked if after is None else {**asked, "starting_after": after},
                bucket=resource,
            )
            answer = reply.json()
            items = answer.field("data").items()
            following = items[-1].field("id") if items and answer.field("has_more").flag() else None
            return Listed(items, reply.served_at), following

        return follow_cursor(page)


def _expanded(paths: Sequence[str]) -> dict[str, str]:
    return {f"expand[{index}]": path for index, path in enumerate(paths)}
