"""Disputes: a bank takes a payment back, and gives it again if we win."""

from __future__ import annotations

from typing import Literal

from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.balance import enter, exchanged
from integration_pipeline.sandbox.stripe.errors import invalid
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body
from integration_pipeline.sandbox.stripe.params import Params

FEE = 1_500
"""What a dispute costs, won or lost."""

_EVIDENCE_SECONDS = 7 * 86_400
_ENDED = ("won", "lost", "warning_closed", "prevented")


def open_dispute(
    account: Account, charge: Body, amount: int | None = None, *, reason: str = "general", fee: int = FEE
) -> Body:
    """The customer's bank takes `amount` (or all of the charge) back, and the dispute's fee goes."""
    if charge["disputed"] or charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} cannot be disputed.")
    identifier = new_id("du")
    wanted = charge["amount"] if amount is None else amount
    gross, rate, currency = exchanged(account, charge, wanted)
    withdrawn = enter(
        account,
        kind="adjustment",
        amount=-gross,
        currency=currency,
        source=identifier,
        category="dispute",
        fee=fee,
        rate=rate,
        description=f"Chargeback withdrawal for {charge['id']}",
    )
    now = account.now()
    dispute: Body = {
        "id": identifier,
        "object": "dispute",
        "amount": wanted,
        "balance_transactions": [withdrawn],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": now + _EVIDENCE_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }
    account.create(dispute, "charge.dispute.created", "charge.dispute.funds_withdrawn")
    account.change(charge, {"disputed": True}, "charge.updated")
    return dispute


def end(account: Account, dispute: Body, outcome: Literal["won", "lost"], *, fee_returned: int = 0) -> Body:
    """Won, the money comes back, and of the fee what Stripe returns; lost, nothing moves any more."""
    if dispute["status"] in _ENDED:
        raise invalid(f"Dispute {dispute['id']} is already {dispute['status']}.")
    changes: Body = {"status": outcome}
    if outcome == "won":
        withdrawn = dispute["balance_transactions"][0]
        returned = enter(
            account,
            kind="adjustment",
            amount=-withdrawn["amount"],
            currency=withdrawn["currency"],
            rate=withdrawn["exchange_rate"],
            source=dispute["id"],
            category="dispute_reversal",
            fee=-fee_returned,
            description=f"Chargeback reversal for {dispute['charge']}",
        )
        changes["balance_transactions"] = [*dispute["balance_transactions"], returned]
        changed = account.change(dispute, changes, "charge.dispute.funds_reinstated", "charge.dispute.closed")
        account.change(account.find("charge", dispute["charge"]), {"disputed": False}, "charge.updated")
        return changed
    return account.change(dispute, changes, "charge.dispute.closed")


def update(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/disputes/{id}`: evidence; submitted, the dispute is under review."""
    dispute = account.find("dispute", identifier)
    evidence = params.inner("evidence")
    submitted = params.flag("submit")
    changes: Body = {"metadata": params.metadata(dispute["metadata"])}
    if evidence is not None:
        text = evidence.text("uncategorized_text")
        evidence.done()
        changes["evidence"] = {**dispute["evidence"], "uncategorized_text": text}
        count = dispute["evidence_details"]["submission_count"] + (1 if submitted is not False else 0)
        changes["evidence_details"] = {
            **dispute["evidence_details"],
            "has_evidence": True,
            "submission_count": count,
        }
        if submitted is not False:
            changes["status"] = "under_review"
    return account.change(dispute, changes, "charge.dispute.updated")


def close(account: Account, _: Params, identifier: str) -> Body:
    """`POST /v1/disputes/{id}/close`: given up, which cannot be undone."""
    return end(account, account.find("dispute", identifier), "lost")
