"""Payments at Xero: money received and given back, sent part by part, each part once.

What needs one call is kept as a whole or not at all. What needs several (credit that no invoice needs, a fee)
may be there in part after trouble: so before such a payment is sent, what is there of it is looked up, and
only the rest is sent. A payment of which a part is missing counts as not found, and is sent again.

Money given back is a payment of a credit note. Of an invoice Xero takes none back: there the credit note that
reverses it is looked for, and where there is none, a person has to undo the payment.

A payment net of a credit note comes to allocations of the note, made first, and a payment of what is left.

Belongs here: payments. Does not belong here: what their parts look like (`payment_parts`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import (
    GONE,
    Accepted,
    Allocation,
    Outcome,
    OutgoingApplication,
    OutgoingPayment,
    Refused,
    RemoteRecord,
    Unsure,
)
from integration_pipeline.accounting.xero import where
from integration_pipeline.accounting.xero.amounts import too_fine
from integration_pipeline.accounting.xero.answers import CREDIT_NOTES, INVOICES, document, is_sale
from integration_pipeline.accounting.xero.api import XeroApi
from integration_pipeline.accounting.xero.applications import Applications
from integration_pipeline.accounting.xero.config import MoneyAccount, XeroConfig
from integration_pipeline.accounting.xero.netting import netted
from integration_pipeline.accounting.xero.payment_parts import (
    Mark,
    Part,
    PartThere,
    Place,
    bank_transaction_there,
    fee,
    joined,
    of_document,
    overpayment,
    payment_there,
)
from integration_pipeline.accounting.xero.writing import Answer, Element, Sending, chunks
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.failures import VendorFailure
from integration_pipeline.transport.shapes import Json


@dataclass(slots=True)
class _Plan:
    """A payment on its way: its parts, and what is there of them. `problem` ends it.

    `set_off` are credit notes still to be allocated to invoices that it pays the rest of.
    """

    payment: OutgoingPayment
    parts: Sequence[Part] = ()
    set_off: Sequence[OutgoingApplication] = ()
    there: list[PartThere] = field(default_factory=list[PartThere])
    problem: Refused | Unsure | None = None

    @property
    def what(self) -> str:
        return f"payment {self.payment.reference} of {self.payment.amount.format()}"

    def due(self, place: Place) -> list[Part]:
        known = {each.mark for each in self.there if each.record.state not in GONE}
        return [part for part in self.parts if part.place is place and part.mark not in known]

    def outcome(self) -> Outcome:
        if self.problem is not None:
            return self.problem
        record = joined(self.there)
        return Unsure(f"{self.what} is there only in part") if record is None else Accepted(record)


class Payments:
    """Those of one organisation."""

    def __init__(self, api: XeroApi, config: XeroConfig) -> None:
        self._api = api
        self._config = config
        self._applications = Applications(api)

    def send(self, batch: Sequence[OutgoingPayment]) -> list[Outcome]:
        """All that one part is enough for in one call; what bank transactions need in another."""
        plans = [self._planned(each) for each in batch]
        in_steps = [
            plan
            for plan in plans
            if plan.set_off or {Place.PAYMENT, Place.BANK} <= {part.place for part in plan.parts}
        ]
        for plan, there in zip(in_steps, self._there([plan.payment for plan in in_steps]), strict=True):
            plan.there += there
            plan.set_off = self._lacking(plan.set_off)
        sending = Sending(self._api)
        for plan in plans:
            for outcome in self._applications.send(plan.set_off, sending):
                if not isinstance(outcome, Accepted):
                    plan.problem = plan.problem or outcome
        self._send_payments(sending, plans)
        self._send_bank_transactions(sending, plans)
        return [plan.outcome() for plan in plans]

    def find(self, batch: Sequence[OutgoingPayment]) -> list[list[RemoteRecord]]:
        """What carries their references, deleted ones included; nothing where a part is missing."""
        found: list[list[RemoteRecord]] = []
        for payment, there in zip(batch, self._there(batch), strict=True):
            known = {each.mark for each in there}
            lacks_fee = self._has_fee(payment) and Mark(payment.reference, 0, 0) not in known
            lacks_more = lacks_fee or self._lacking(netted(payment, payment.allocations).set_off)
            record = None if lacks_more else joined(there)
            found.append([record] if record is not None else [])
        return found

    def changed_since(self, since: datetime) -> Iterator[list[RemoteRecord]]:
        """Our payments of which a part changed. Others have none of our marks, and pay documents that change
        with them.
        """
        for page in self._api.pages("Payments", order="PaymentID ASC", since=since):
            changed = [part for each in page if (part := payment_there(each)) is not None]
            read = [joined([part]) for part in changed if part.mark.count == 1]
            for some in chunks(sorted({part.mark.reference for part in changed if part.mark.count > 1})):
                parts = self._marked("Payments", "PaymentID", some, payment_there)
                lacking = [each for each in _by_reference(parts).values() if joined(each) is None]
                parts += self._overpayments(
                    {part.record.customer_id or "" for each in lacking for part in each} - {""}
                )
                by_reference = _by_reference(parts)
                read += [joined(by_reference[each]) for each in some]
            yield [record for record in read if record is not None]

    def dated(self, first: date, last: date) -> Iterator[list[RemoteRecord]]:
        """Our payments of these days, deleted ones included."""
        period = where.between("Date", first, last)
        credit = where.all_of('Type=="RECEIVE-OVERPAYMENT"', period)
        lists = (
            ("Payments", "PaymentID", period, payment_there),
            ("BankTransactions", "BankTransactionID", credit, bank_transaction_there),
        )
        parts = [
            read(each)
            for plural, identifier, test, read in lists
            for page in self._api.pages(plural, order=f"{identifier} ASC", where=test)
            for each in page
        ]
        for of_one in _by_reference(parts).values():
            if (record := joined(of_one)) is not None:
                yield [record]

    def _planned(self, payment: OutgoingPayment) -> _Plan:
        plan = _Plan(payment)
        account = self._config.payments.get(payment.method)
        if account is None:
            plan.problem = Refused(
                f"{plan.what}: the targets file names no account for payments by {payment.method!r}; add "
                f"payments.{payment.method}.account, then send it again (`targets resend`)"
            )
            return plan
        fees = [payment.fee] if payment.fee is not None and account.fee is not None else []
        if why := too_fine(payment.amount, *(each.amount for each in payment.allocations), *fees):
            plan.problem = Refused(f"{plan.what}: {why}")
            return plan
        net = netted(payment, payment.allocations)
        planned = self._refund if payment.amount.minor < 0 else _receipt
        parts = _not_to_be_set_off(plan) or planned(plan, net.moved, account)
        if isinstance(parts, Refused):
            plan.problem = parts
        else:
            plan.parts = [*parts, *_fees(payment, account)]
            plan.set_off = net.set_off
        return plan

    def _lacking(self, set_off: Sequence[OutgoingApplication]) -> list[OutgoingApplication]:
        """Those of these allocations that are not there."""
        there = self._applications.find(set_off) if set_off else []
        return [
            each
            for each, records in zip(set_off, there, strict=True)
            if not any(record.total == each.amount and record.state not in GONE for record in records)
        ]

    def _refund(
        self, plan: _Plan, moved: Sequence[Allocation], account: MoneyAccount
    ) -> list[Part] | Refused:
        payment = plan.payment
        if _rest(payment):
            return Refused(
                f"{plan.what}: it gives back a customer's credit; refund the overpayment in Xero (Contacts, "
                "the customer), then say so with `targets settled`"
            )
        parts: list[Part] = []
        for place, each in enumerate(moved, start=1):
            note = self._credit_note_of(payment, each)
            if note is None:
                return Refused(
                    f"{plan.what}: Xero gives money back of a credit note only, and none with "
                    f"{(-each.amount).format()} left reverses the invoice {each.document_id}; remove its "
                    "payment in Xero and say so with `targets settled`, or credit the invoice and send this "
                    "again (`targets resend`)"
                )
            mark = Mark(payment.reference, place, len(moved))
            document = {"CreditNote": {"CreditNoteID": note}}
            parts.append(of_document(payment, mark, account, document, -each.amount))
        return parts

    def _credit_note_of(self, payment: OutgoingPayment, given_back: Allocation) -> str | None:
        """The id of the credit note it is, or of the one that names the invoice and has enough left."""
        if given_back.kind is DocumentKind.CREDIT_NOTE:
            return given_back.document_id
        invoices = self._api.whole("Invoices", params={"IDs": given_back.document_id})
        numbers = {document(each, INVOICES).number for each in invoices if is_sale(each, INVOICES)}
        if not numbers:
            return given_back.document_id
        test = where.all_of(
            f'Type=="{CREDIT_NOTES.type}"', where.is_id("Contact.ContactID", payment.customer_id)
        )
        for page in self._api.pages(CREDIT_NOTES.plural, order="CreditNoteID ASC", where=test):
            for note in page:
                left = document(note, CREDIT_NOTES).balance
                reference = note.optional("Reference")
                names = reference.text().split(" / ") if reference else []
                if numbers & {*names} and left is not None and left.minor >= -given_back.amount.minor:
                    return document(note, CREDIT_NOTES).remote_id
        return None

    def _send_payments(self, sending: Sending, plans: Sequence[_Plan]) -> None:
        due = [(plan, plan.due(Place.PAYMENT)) for plan in plans if plan.problem is None]
        single = [(plan, parts[0]) for plan, parts in due if len(parts) == 1]
        answers = sending.put("/Payments", "Payments", [_element(*each) for each in single])
        for (plan, _), answer in zip(single, answers, strict=True):
            _take(plan, answer, payment_there)
        for plan, parts in due:
            if len(parts) > 1:
                together = sending.put_together(
                    "/Payments", "Payments", [_element(plan, part) for part in parts]
                )
                for answer in together if isinstance(together, list) else [together]:
                    _take(plan, answer, payment_there)

    def _send_bank_transactions(self, sending: Sending, plans: Sequence[_Plan]) -> None:
        due = [(plan, part) for plan in plans if plan.problem is None for part in plan.due(Place.BANK)]
        answers = sending.put("/BankTransactions", "BankTransactions", [_element(*each) for each in due])
        for (plan, _), answer in zip(due, answers, strict=True):
            _take(plan, answer, bank_transaction_there)

    def _there(self, batch: Sequence[OutgoingPayment]) -> list[list[PartThere]]:
        """What is there of each, in order."""
        found: list[list[PartThere]] = []
        for some in chunks(batch):
            references = [each.reference for each in some]
            parts = self._marked("Payments", "PaymentID", references, payment_there)
            if any(map(self._has_fee, some)):
                parts += self._marked(
                    "BankTransactions", "BankTransactionID", references, bank_transaction_there
                )
            parts += self._overpayments({each.customer_id for each in some if _rest(each).minor > 0})
            by_reference = _by_reference(parts)
            found += [by_reference[each] for each in references]
        return found

    def _has_fee(self, payment: OutgoingPayment) -> bool:
        account = self._config.payments.get(payment.method)
        return account is not None and bool(_fees(payment, account))

    def _marked(
        self,
        plural: str,
        identifier: str,
        references: Sequence[str],
        read: Callable[[Json], PartThere | None],
    ) -> list[PartThere | None]:
        test = where.any_of(where.starts_with("Reference", f"{each} ") for each in references)
        pages = self._api.pages(plural, order=f"{identifier} ASC", where=test)
        return [read(each) for page in pages for each in page]

    def _overpayments(self, customers: Set[str]) -> list[PartThere | None]:
        """All of these customers: overpayments keep no reference that could be asked for."""
        parts: list[PartThere | None] = []
        for some in chunks(sorted(customers)):
            of_them = where.any_of(where.is_id("Contact.ContactID", each) for each in some)
            test = where.all_of('Type=="RECEIVE-OVERPAYMENT"', of_them)
            pages = self._api.pages("BankTransactions", order="BankTransactionID ASC", where=test)
            parts += [bank_transaction_there(each) for page in pages for each in page]
        return parts


def _not_to_be_set_off(plan: _Plan) -> Refused | None:
    """Only a credit note is taken off, and only from invoices."""
    allocations = plan.payment.allocations
    is_mixed = len({each.amount.minor < 0 for each in allocations}) > 1
    for each in allocations:
        is_note = each.kind is DocumentKind.CREDIT_NOTE
        if (is_note and each.amount.minor > 0) or (is_mixed and not is_note and each.amount.minor < 0):
            return Refused(
                f"{plan.what}: {each.amount.format()} of the {'credit note' if is_note else 'invoice'} "
                f"{each.document_id} cannot be set against other documents in Xero; set them against each "
                "other there by hand, then say so with `targets settled`"
            )
    return None


def _receipt(plan: _Plan, moved: Sequence[Allocation], account: MoneyAccount) -> list[Part] | Refused:
    payment, rest = plan.payment, _rest(plan.payment)
    if rest.minor < 0 or any(each.amount.minor <= 0 for each in moved):
        return Refused(f"{plan.what}: what it pays is not its amount; report this, it is no fault of yours")
    count = len(moved) + bool(rest)
    parts = [
        of_document(
            payment,
            Mark(payment.reference, place, count),
            account,
            {"Invoice": {"InvoiceID": each.document_id}},
            each.amount,
        )
        for place, each in enumerate(moved, start=1)
    ]
    if rest:
        parts.append(overpayment(payment, Mark(payment.reference, count, count), account, rest))
    return parts


def _fees(payment: OutgoingPayment, account: MoneyAccount) -> list[Part]:
    if account.fee is None or payment.fee is None or not payment.fee:
        return []
    return [fee(payment, account, account.fee, payment.fee)]


def _rest(payment: OutgoingPayment) -> Money:
    """What its parts leave of it: the customer's credit."""
    paid = sum(each.amount.minor for each in payment.allocations)
    return Money(payment.amount.minor - paid, payment.amount.currency)


def _take(plan: _Plan, answer: Answer, read: Callable[[Json], PartThere | None]) -> None:
    """What became of one part. The first problem is the payment's."""
    if isinstance(answer, Refused | Unsure):
        plan.problem = plan.problem or answer
        return
    try:
        part = read(answer)
    except VendorFailure as failure:
        plan.problem = plan.problem or Unsure(str(failure))
        return
    if part is not None:
        plan.there.append(part)


def _by_reference(parts: Iterable[PartThere | None]) -> dict[str, list[PartThere]]:
    by_reference: defaultdict[str, list[PartThere]] = defaultdict(list)
    for part in parts:
        if part is not None:
            by_reference[part.mark.reference].append(part)
    return by_reference


def _element(plan: _Plan, part: Part) -> Element:
    return Element(part.body, f"{plan.payment.key} {part.mark.number}/{part.mark.count}", plan.what)
