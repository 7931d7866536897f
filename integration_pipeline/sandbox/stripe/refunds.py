"""Refunds: money that goes back because we say so, and that comes again when it cannot arrive."""

from __future__ import annotations

from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.balance import enter, exchanged
from integration_pipeline.sandbox.stripe.errors import invalid, missing, unexpected_state
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body
from integration_pipeline.sandbox.stripe.params import Params

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(account: Account, params: Params) -> Body:
    """`POST /v1/refunds` of a charge or of a payment intent's charge."""
    charge = _charge(account, params)
    amount = params.integer("amount")
    reason = params.one_of("reason", _REASONS)
    metadata = params.metadata()
    params.ignore("instructions_email", "origin", "refund_application_fee", "reverse_transfer")
    return make(account, charge, amount, reason=reason, metadata=metadata)


def update(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/refunds/{id}`."""
    refund = account.find("refund", identifier)
    changes = {"metadata": params.metadata(refund["metadata"])}
    return account.change(refund, changes, "refund.updated", "charge.refund.updated")


def make(
    account: Account,
    charge: Body,
    amount: int | None,
    *,
    reason: str | None = None,
    metadata: dict[str, str] | None = None,
    pending: bool = False,
) -> Body:
    """A refund of `amount`, or of what is left of the charge; `pending` until `arrived` or `failed`."""
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} has not succeeded, so it can't be refunded.", param="charge")
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["disputed"]:
        raise unexpected_state(
            "charge_disputed", f"Charge {charge['id']} has been charged back; cannot issue a refund."
        )
    if left <= 0:
        raise unexpected_state("charge_already_refunded", f"Charge {charge['id']} has already been refunded.")
    wanted = left if amount is None else amount
    if wanted < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if wanted > left:
        raise invalid(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    identifier = new_id("re")
    gross, rate, currency = exchanged(account, charge, wanted)
    transaction = enter(
        account,
        kind="refund",
        amount=-gross,
        currency=currency,
        source=identifier,
        category="refund",
        rate=rate,
        description=f"REFUND FOR CHARGE ({charge['description'] or charge['id']})",
    )
    refund: Body = {
        "id": identifier,
        "object": "refund",
        "amount": wanted,
        "balance_transaction": transaction["id"],
        "charge": charge["id"],
        "created": account.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": metadata or {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if pending else "succeeded",
        "transfer_reversal": None,
    }
    account.create(refund, "refund.created")
    refunded = charge["amount_refunded"] + wanted
    account.change(
        charge,
        {"amount_refunded": refunded, "refunded": refunded == charge["amount_captured"]},
        "charge.refunded",
    )
    return refund


def arrived(account: Account, refund: Body) -> Body:
    """A pending refund reached its customer."""
    _must_be(refund, "pending")
    return account.change(refund, {"status": "succeeded"}, "refund.updated", "charge.refund.updated")


def failed(account: Account, refund: Body) -> Body:
    """A refund could not arrive, perhaps after it succeeded: its money is ours again."""
    _must_be(refund, "pending", "succeeded")
    charge = account.find("charge", refund["charge"])
    gross, rate, currency = exchanged(account, charge, refund["amount"])
    transaction = enter(
        account,
        kind="refund_failure",
        amount=gross,
        currency=currency,
        source=refund["id"],
        category="refund_failure",
        rate=rate,
        description=f"REFUND FAILURE FOR CHARGE ({charge['id']})",
    )
    changes = {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": transaction["id"],
    }
    changed = account.change(refund, changes, "refund.failed", "refund.updated", "charge.refund.updated")
    refunded = charge["amount_refunded"] - refund["amount"]
    account.change(charge, {"amount_refunded": refunded, "refunded": False}, "charge.updated")
    return changed


def _charge(account: Account, params: Params) -> Body:
    named, intent = params.text("charge"), params.text("payment_intent")
    if named:
        return account.find("charge", named, param="charge")
    if not intent:
        raise missing("charge")
    found = account.find("payment_intent", intent, param="payment_intent")
    if found["latest_charge"] is None:
        raise invalid(f"This PaymentIntent ({intent}) does not have a successful charge to refund.")
    return account.find("charge", found["latest_charge"])


def _must_be(refund: Body, *states: str) -> None:
    if refund["status"] not in states:
        raise invalid(f"Refund {refund['id']} is {refund['status']}.")
