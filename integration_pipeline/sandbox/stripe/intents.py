"""Payment intents before any money moved. Charging them is `payments`."""

from __future__ import annotations

from collections.abc import Mapping

from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body


def open_intent(
    account: Account,
    amount: int,
    currency: str,
    *,
    customer: str | None = None,
    description: str | None = None,
    metadata: Mapping[str, str] | None = None,
    receipt_email: str | None = None,
    statement_descriptor: str | None = None,
) -> Body:
    """A new payment intent that waits for a payment method."""
    identifier = new_id("pi")
    intent: Body = {
        "id": identifier,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{identifier}_secret_{new_id('s')[2:]}",
        "confirmation_method": "automatic",
        "created": account.now(),
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": description,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": dict(metadata or {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": receipt_email,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": statement_descriptor,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    return account.create(intent, "payment_intent.created")
