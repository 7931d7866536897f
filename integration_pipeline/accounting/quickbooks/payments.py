"""Money received, money given back, processors' fees, and credit notes set against invoices.

A credit memo is set against an invoice by a Payment over 0 that names both, and taken off what a customer
pays by naming it in that Payment: what is received is the invoices less the credit memos. Money given back is
what Intuit's help calls a refund of a credit: an expense paid to the customer on the receivables account,
which a person may link to what it refunds; a RefundReceipt would book a sale a second time.

Belongs here: fields. Does not belong here: sending (`sending`).
"""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.quickbooks.answers import CREDIT_MEMO, INVOICE, PAYMENT, PURCHASE
from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.documents import cents
from integration_pipeline.accounting.quickbooks.notes import note
from integration_pipeline.accounting.quickbooks.taxes import CannotBeSent
from integration_pipeline.accounting.target import Allocation, OutgoingApplication, OutgoingPayment
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.json_types import JsonObject


def entity_of(item: OutgoingApplication | OutgoingPayment) -> str:
    """QuickBooks' word for what comes of it."""
    return PURCHASE if isinstance(item, OutgoingPayment) and item.amount.minor < 0 else PAYMENT


def application_body(item: OutgoingApplication) -> JsonObject:
    amount = cents(item.amount)
    return {
        "CustomerRef": {"value": item.customer_id},
        "CurrencyRef": {"value": item.amount.currency},
        "TxnDate": item.applied_on.isoformat(),
        "PaymentRefNum": item.reference,
        "PrivateNote": note(item.reference, ["credit note set against the invoice it reverses"]),
        "TotalAmt": Decimal(0),
        "Line": [
            _applied(amount, item.invoice_id, INVOICE),
            _applied(amount, item.credit_note_id, CREDIT_MEMO),
        ],
    }


def payment_body(item: OutgoingPayment, config: QuickBooksConfig) -> JsonObject:
    """A Payment, or for money given back a Purchase. Raises `CannotBeSent`."""
    if item.amount.minor < 0:
        return _refund(item, config)
    account = config.deposit_accounts.get(item.method)
    return {
        "CustomerRef": {"value": item.customer_id},
        "CurrencyRef": {"value": item.amount.currency},
        "TxnDate": item.received_on.isoformat(),
        "PaymentRefNum": item.reference,
        "PrivateNote": note(item.reference, [item.description]),
        **({"DepositToAccountRef": {"value": account}} if account else {}),
        "TotalAmt": cents(item.amount),
        "Line": [_line(item, each) for each in item.allocations],
    }


def _line(item: OutgoingPayment, allocation: Allocation) -> JsonObject:
    """An invoice it pays, or a credit memo that is taken off: QuickBooks wants both without a sign."""
    is_credit_memo = allocation.kind is DocumentKind.CREDIT_NOTE
    if (allocation.amount.minor < 0) is not is_credit_memo:
        raise CannotBeSent(
            f"payment {item.reference}: {allocation.amount.format()} of the "
            f"{'credit memo' if is_credit_memo else 'invoice'} {allocation.document_id} cannot be set "
            "against other documents in QuickBooks; set them against each other there by hand, then say so "
            "with `targets settled`"
        )
    kind = CREDIT_MEMO if is_credit_memo else INVOICE
    return _applied(abs(cents(allocation.amount)), allocation.document_id, kind)


def has_fee(item: OutgoingPayment, config: QuickBooksConfig) -> bool:
    """Whether a fee is to be booked. One that was given back is not: an expense has no negative amount."""
    return config.fee_account is not None and item.fee is not None and item.fee.minor > 0


def fee_number(item: OutgoingPayment) -> str:
    """The DocNumber by which the fee of a payment is found again."""
    return f"F{item.reference}"


def fee_body(item: OutgoingPayment, fee: Money, config: QuickBooksConfig) -> JsonObject:
    """What a processor kept, paid from the account the money came in at. Raises `CannotBeSent`."""
    return {
        **_expense(item, config, fee_number(item), f"fee of {item.reference}; {item.description}"),
        "Line": [_expense_line(cents(fee), {"AccountRef": {"value": config.fee_account}})],
    }


def _refund(item: OutgoingPayment, config: QuickBooksConfig) -> JsonObject:
    if config.receivable_account is None:
        raise CannotBeSent(
            "money given back is booked on the receivables account; "
            f"set receivable_account of {config.name} in the targets file"
        )
    party: JsonObject = {"value": item.customer_id}
    detail: JsonObject = {"AccountRef": {"value": config.receivable_account}, "CustomerRef": party}
    return {
        **_expense(item, config, item.reference, note(item.reference, ["given back", item.description])),
        "EntityRef": {"value": item.customer_id, "type": "Customer"},
        "Line": [_expense_line(cents(-item.amount), detail)],
    }


def _expense(item: OutgoingPayment, config: QuickBooksConfig, number: str, said: str) -> JsonObject:
    account = config.deposit_accounts.get(item.method)
    if account is None:
        raise CannotBeSent(
            f"money that leaves by {item.method} needs the bank account it leaves; "
            f"set deposit_accounts.{item.method} of {config.name} in the targets file"
        )
    untaxed: JsonObject = {"GlobalTaxCalculation": "NotApplicable"} if config.sales_tax == "by_line" else {}
    return {
        "PaymentType": "Cash",
        "AccountRef": {"value": account},
        "CurrencyRef": {"value": item.amount.currency},
        "TxnDate": item.received_on.isoformat(),
        "DocNumber": number,
        "PrivateNote": said,
        **untaxed,
    }


def _expense_line(amount: Decimal, detail: JsonObject) -> JsonObject:
    return {
        "Amount": amount,
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": detail,
    }


def _applied(amount: Decimal, identifier: str, kind: str) -> JsonObject:
    return {"Amount": amount, "LinkedTxn": [{"TxnId": identifier, "TxnType": kind}]}
