"""Charges: one attempt at money each, and its balance transaction.

Belongs here: the charge itself. Does not belong here: the payment intent behind it (`payments`).
"""

from __future__ import annotations

from dataclasses import dataclass

from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.balance import FUNDS_HELD_SECONDS, Settlement, enter, usual_fee
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body
from integration_pipeline.sandbox.stripe.params import Params, given


@dataclass(frozen=True, slots=True)
class Terms:
    """What a payment costs and how it reaches the balance; by `delayed`, its transaction comes later."""

    fee: int | None = None
    settlement: Settlement | None = None
    payer_name: str | None = None
    payer_email: str | None = None
    delayed: bool = False


def update(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/charges/{id}`."""
    charge = account.find("charge", identifier)
    changes = given(description=params.text("description"), receipt_email=params.text("receipt_email"))
    changes["metadata"] = params.metadata(charge["metadata"])
    return account.change(charge, changes, "charge.updated")


def settle(account: Account, charge: Body, terms: Terms, *, told: bool = True) -> Body:
    """The balance transaction of a charge; Stripe may make it some time after the charge succeeded."""
    settlement = terms.settlement or Settlement(charge["currency"])
    gross = settlement.settled(charge["amount"])
    transaction = enter(
        account,
        kind="charge",
        amount=gross,
        currency=settlement.currency,
        source=charge["id"],
        category="charge",
        fee=usual_fee(gross, settlement.currency) if terms.fee is None else terms.fee,
        rate=settlement.rate,
        description=charge["description"],
        held_seconds=FUNDS_HELD_SECONDS,
    )
    events = ["charge.updated"] if told else []
    return account.change(charge, {"balance_transaction": transaction["id"]}, *events)


def attempt(account: Account, intent: Body, terms: Terms, status: str, failure: str | None = None) -> Body:
    """A charge of the whole intent with this status; `failure` is the code of a failed one."""
    identifier = new_id("py" if status == "pending" else "ch")
    succeeded = status == "succeeded"
    customer = account.objects.find("customer", intent["customer"]) if intent["customer"] else None
    bank = status == "pending"
    return account.create(
        {
            "id": identifier,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if succeeded else 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": {
                "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
                "email": terms.payer_email or (customer and customer["email"]),
                "name": terms.payer_name or (customer and customer["name"]),
                "phone": None,
                "tax_id": None,
            },
            "calculated_statement_descriptor": intent["statement_descriptor"] or "SANDBOX",
            "captured": succeeded,
            "created": account.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": failure,
            "failure_message": "Your card was declined." if failure else None,
            "fraud_details": {},
            "livemode": False,
            "metadata": intent["metadata"],
            "on_behalf_of": None,
            "outcome": None,
            "paid": succeeded,
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"] or "pm_card_visa",
            "payment_method_details": (
                {
                    "type": "us_bank_account",
                    "us_bank_account": {"bank_name": "STRIPE TEST BANK", "last4": "6789"},
                }
                if bank
                else {"type": "card", "card": {"brand": "visa", "country": "US", "last4": "4242"}}
            ),
            "presentment_details": None,
            "radar_options": {},
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": None,
            "source": None,
            "source_transfer": None,
            "statement_descriptor": intent["statement_descriptor"],
            "statement_descriptor_suffix": None,
            "status": status,
            "transfer_data": None,
            "transfer_group": None,
        }
    )
