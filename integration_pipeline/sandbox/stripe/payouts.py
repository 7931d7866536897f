"""Payouts: what the balance sends to our bank, and of which transactions it is made."""

from __future__ import annotations

from integration_pipeline.sandbox.stripe.account import Account, day_of
from integration_pipeline.sandbox.stripe.balance import balance, check_amount, enter
from integration_pipeline.sandbox.stripe.errors import invalid, unexpected_state
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body
from integration_pipeline.sandbox.stripe.params import Params

_TRANSIT_SECONDS = 2 * 86_400


def create(account: Account, params: Params) -> Body:
    """`POST /v1/payouts`: a manual one, of an amount; Stripe does not say which transactions are in it."""
    amount = params.required_integer("amount")
    currency = params.required("currency").lower()
    check_amount(amount, currency)
    available = {each["currency"]: each["amount"] for each in balance(account)["available"]}
    if amount > available.get(currency, 0):
        raise unexpected_state(
            "balance_insufficient", "You have insufficient funds in your Stripe account for this transfer."
        )
    description = params.text("description")
    descriptor = params.text("statement_descriptor")
    metadata = params.metadata()
    params.ignore("method", "source_type", "destination")
    payout = _new(account, amount, currency, automatic=False)
    payout |= {"description": description, "statement_descriptor": descriptor, "metadata": metadata}
    return account.create(payout, "payout.created")


def update(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/payouts/{id}`."""
    payout = account.find("payout", identifier)
    return account.change(payout, {"metadata": params.metadata(payout["metadata"])}, "payout.updated")


def cancel(account: Account, _: Params, identifier: str) -> Body:
    """`POST /v1/payouts/{id}/cancel`: a manual one that has not left yet."""
    payout = account.find("payout", identifier)
    if payout["status"] != "pending" or payout["automatic"]:
        raise invalid(f"Payout {identifier} cannot be canceled.")
    return _back(account, payout, "canceled", "payout_cancel", "payout.canceled")


def sweep(account: Account, currency: str, *, with_pending: bool = False) -> Body:
    """The automatic payout: all available transactions of a currency that no payout holds yet.

    `with_pending` takes those along that would be available only days later.
    """
    now = account.now()
    taken = [each for each in account.objects.unpaid(currency) if with_pending or each["available_on"] <= now]
    amount = sum(each["net"] for each in taken)
    if not taken or amount == 0:
        raise invalid(f"There is nothing to pay out in {currency}.", param="currency")
    payout = account.create(_new(account, amount, currency, automatic=True), "payout.created")
    held = [*(each["id"] for each in taken), payout["balance_transaction"]]
    account.objects.pay_out(held, payout["id"])
    return account.change(payout, {"reconciliation_status": "completed"}, "payout.reconciliation_completed")


def arrived(account: Account, payout: Body) -> Body:
    """The bank has it."""
    if payout["status"] not in ("pending", "in_transit"):
        raise invalid(f"Payout {payout['id']} is {payout['status']}.")
    return account.change(payout, {"status": "paid"}, "payout.updated", "payout.paid")


def failed(account: Account, payout: Body) -> Body:
    """The bank sent it back, which may happen days after it was paid."""
    if payout["status"] in ("failed", "canceled"):
        raise invalid(f"Payout {payout['id']} is {payout['status']}.")
    changes = {"failure_code": "account_closed", "failure_message": "The bank account has been closed"}
    return _back(account, {**payout, **changes}, "failed", "payout_failure", "payout.failed")


def _back(account: Account, payout: Body, status: str, kind: str, event: str) -> Body:
    transaction = enter(
        account,
        kind=kind,
        amount=payout["amount"],
        currency=payout["currency"],
        source=payout["id"],
        category="payout_reversal",
        description="PAYOUT FAILURE" if status == "failed" else "PAYOUT CANCEL",
    )
    changes = {"status": status, "failure_balance_transaction": transaction["id"]}
    return account.change(payout, changes, "payout.updated", event)


def _new(account: Account, amount: int, currency: str, *, automatic: bool) -> Body:
    identifier = new_id("po")
    transaction = enter(
        account,
        kind="payout",
        amount=-amount,
        currency=currency,
        source=identifier,
        category="payout",
        description="STRIPE PAYOUT",
    )
    now = account.now()
    return {
        "id": identifier,
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": int(day_of(now + _TRANSIT_SECONDS).timestamp()),
        "automatic": automatic,
        "balance_transaction": transaction["id"],
        "created": now,
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": "ba_sandbox",
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "pending",
        "trace_id": None,
        "type": "bank_account",
    }
