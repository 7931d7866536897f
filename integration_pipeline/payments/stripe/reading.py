"""Stripe's objects turned into movements, by the balance transactions that moved the money.

Belongs here: what a charge, a refund, a dispute, a payout and a fee are as movements. Does not belong here:
which of them to read (`source`), amounts (`amounts`).

Sources: https://docs.stripe.com/reports/balance-transaction-types, https://docs.stripe.com/api/charges and
its neighbours, in the version that `config` pins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import (
    Link,
    LinkKind,
    Movement,
    MovementKind,
    MovementSource,
    Payer,
    Unreadable,
    storable,
)
from integration_pipeline.payments.stripe.amounts import stripe_money
from integration_pipeline.payments.stripe.config import StripeSettings
from integration_pipeline.transport.json_types import JsonObject
from integration_pipeline.transport.shapes import Json

Read = Movement | Unreadable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAYMENTS = frozenset({"charge", "payment"})
_REFUNDS = frozenset({"refund", "payment_refund", "refund_failure", "payment_reversal"})
_FEES = frozenset({"stripe_fee", "stripe_fx_fee", "tax_fee", "network_cost"})
_PAYOUTS = frozenset({"payout", "payout_failure"})
_WITHOUT_EFFECT = frozenset({"payout_cancel"})
_ANNOUNCED = _PAYMENTS | _REFUNDS | _PAYOUTS | _WITHOUT_EFFECT


class Reader:
    """Reads objects of one account. Total: what cannot be booked is `Unreadable`; a wrong shape raises
    `Malformed`.
    """

    def __init__(self, settings: StripeSettings) -> None:
        self._naming = settings.naming
        self._zone = settings.zone

    def payment(
        self, charge: Json, transaction: Json | None, paid: Sequence[Json], payer: Payer
    ) -> list[Read]:
        """A charge that succeeded; nothing while it is pending, failed or not captured.

        `paid` are its invoice payments with their invoices.
        """
        if charge.field("status").text() != "succeeded" or not charge.field("captured").flag():
            return []
        identifier = charge.field("id").identifier()
        with_transaction = _with_transaction(charge, transaction)
        try:
            amount = _money(charge.field("amount_captured"), charge)
            draft = Movement(
                source=MovementSource.STRIPE,
                kind=MovementKind.PAYMENT,
                external_id=identifier,
                amount=amount,
                occurred_at=_moment((transaction or charge).field("created")),
                value_date=self._day((transaction or charge).field("created")),
                body=with_transaction,
                payer=payer,
                references=_references(charge, *(each.field("invoice") for each in paid)),
                links=_distinct([*self._invoices(paid), *self._named(charge)]),
            )
            return _moving([draft if transaction is None else _settled(draft, transaction)])
        except ValueError as error:
            return [_unreadable(identifier, error, with_transaction)]

    def of_transaction(self, transaction: Json, source: Json | None) -> list[Read]:
        """What a balance transaction moved, but for a payment: refund, dispute, payout, fee."""
        kind = transaction.field("type").text()
        identifier = transaction.field("id").identifier()
        body = _with_transaction(source, transaction) if source else _object(transaction)
        try:
            if kind in _WITHOUT_EFFECT:
                return []
            if kind in _FEES:
                return [self._fee(transaction)]
            if source is not None and kind == "payment_failure_refund":
                return _moving([self._failed_payment(source, transaction)])
            if source is not None and kind in _REFUNDS:
                return _moving(self._refund(source, transaction))
            if source is not None and kind in _PAYOUTS:
                return _moving(self._payout(source, transaction))
            if source is not None and source.field("object").text() == "dispute":
                return _moving(self._dispute(source, transaction))
        except ValueError as error:
            return [_unreadable(identifier, error, body)]
        reason = (
            f"Stripe's balance transaction {identifier} is of type {kind!r}, which is no payment, refund, "
            "dispute, fee or payout: book it by hand"
        )
        return [Unreadable(MovementSource.STRIPE, identifier, reason, body)]

    def is_payment(self, transaction: Json) -> bool:
        return transaction.field("type").text() in _PAYMENTS

    def is_announced(self, transaction: Json) -> bool:
        """Whether an event tells of what moved; none does of Stripe's own fees, or of a failed bank debit."""
        source = transaction.optional("source")
        of_dispute = source is not None and source.field("object").text() == "dispute"
        return of_dispute or transaction.field("type").text() in _ANNOUNCED

    def _refund(self, refund: Json, transaction: Json) -> Iterator[Movement]:
        """Money that went back, or with the opposite sign what could not arrive."""
        if refund.field("status").text() not in ("succeeded", "failed"):
            return
        sign = -1 if transaction.field("amount").integer() < 0 else 1
        identifier = refund.field("id").identifier()
        yield _settled(
            self._movement(
                MovementKind.REFUND,
                identifier if sign < 0 else transaction.field("id").identifier(),
                sign * refund.field("amount").integer(),
                refund,
                transaction,
                self._taken_from(refund),
            ),
            transaction,
        )

    def _dispute(self, dispute: Json, transaction: Json) -> Iterator[Movement]:
        """The first withdrawal and the first return have the dispute's id, any others their own."""
        moved = transaction.field("amount").integer()
        same = [
            each.field("id").identifier()
            for each in dispute.field("balance_transactions").items()
            if (each.field("amount").integer() < 0) == (moved < 0)
        ]
        own = transaction.field("id").identifier()
        identifier = dispute.field("id").identifier()
        # Of a dispute in another currency than the balance's, only the whole is known in its own.
        exchanged = transaction.field("currency").text() != dispute.field("currency").text()
        amount = (-1 if moved < 0 else 1) * dispute.field("amount").integer() if exchanged else moved
        links = self._taken_from(dispute)
        is_first_withdrawal = moved < 0 and same[:1] in ([own], [])
        if not is_first_withdrawal:
            links.append(Link(LinkKind.DISPUTE, identifier))
        yield _settled(
            self._movement(
                MovementKind.DISPUTE if moved < 0 else MovementKind.DISPUTE_WON,
                identifier if same[:1] in ([own], []) else own,
                amount,
                dispute,
                transaction,
                links,
            ),
            transaction,
        )

    def _payout(self, payout: Json, transaction: Json) -> Iterator[Movement]:
        """What reached the bank; with the opposite sign what the bank sent back."""
        status = payout.field("status").text()
        if status not in ("paid", "failed"):
            return
        moved = transaction.field("amount").integer()
        identifier = payout.field("id").identifier()
        came_back = moved > 0
        movement = self._movement(
            MovementKind.PAYOUT,
            transaction.field("id").identifier() if came_back else identifier,
            -moved,
            payout,
            transaction,
            (),
        )
        yield replace(
            movement,
            group=identifier,
            value_date=movement.value_date if came_back else _utc_day(payout.field("arrival_date")),
        )

    def _failed_payment(self, charge: Json, transaction: Json) -> Movement:
        """A bank debit that was taken back after it had succeeded."""
        identifier = charge.field("id").identifier()
        movement = self._movement(
            MovementKind.PAYMENT,
            transaction.field("id").identifier(),
            transaction.field("amount").integer(),
            charge,
            transaction,
            [Link(LinkKind.CHARGE, identifier), *self._named(charge)],
        )
        return replace(movement, amount=_money(transaction.field("amount"), transaction))

    def _fee(self, transaction: Json) -> Movement:
        description = transaction.optional("description")
        return Movement(
            source=MovementSource.STRIPE,
            kind=MovementKind.FEE,
            external_id=transaction.field("id").identifier(),
            amount=_money(transaction.field("amount"), transaction),
            occurred_at=_moment(transaction.field("created")),
            value_date=self._day(transaction.field("created")),
            body=_object(transaction),
            references=(description.text(),) if description else (),
        )

    def _movement(
        self,
        kind: MovementKind,
        identifier: str,
        amount: int,
        source: Json,
        transaction: Json,
        links: Sequence[Link],
    ) -> Movement:
        customer = source.optional("customer")
        return Movement(
            source=MovementSource.STRIPE,
            kind=kind,
            external_id=identifier,
            amount=stripe_money(amount, source.field("currency").text()),
            occurred_at=_moment(transaction.field("created")),
            value_date=self._day(transaction.field("created")),
            body=_with_transaction(source, transaction),
            payer=Payer(ids=(customer.identifier(),)) if customer else Payer(),
            references=_references(source),
            links=_distinct(links),
        )

    def _taken_from(self, source: Json) -> list[Link]:
        charge = source.optional("charge")
        return [*([Link(LinkKind.CHARGE, charge.identifier())] if charge else []), *self._named(source)]

    def _invoices(self, paid: Sequence[Json]) -> Iterator[Link]:
        for each in paid:
            amount = each.optional("amount_paid")
            if each.field("status").text() != "paid" or amount is None:
                continue
            invoice = each.field("invoice")
            part = _money(amount, each)
            yield Link(LinkKind.STRIPE_INVOICE, invoice.field("id").identifier(), part)
            for link in self._named(invoice):
                yield replace(link, amount=part)

    def _named(self, source: Json) -> list[Link]:
        """What the metadata name by the keys agreed on."""
        metadata = source.optional("metadata")
        if metadata is None:
            return []
        return [
            Link(self._naming[key], value.strip())
            for key, value in metadata.strings().items()
            if key in self._naming and value and value.strip()
        ]

    def _day(self, seconds: Json) -> date:
        return _moment(seconds).astimezone(self._zone).date()


@dataclass(frozen=True, slots=True)
class Person:
    """Who paid, as far as the charge says."""

    name: str | None
    email: str | None
    customer: str | None

    @classmethod
    def of(cls, charge: Json) -> Person:
        billing = charge.optional("billing_details")
        receipt = charge.optional_text("receipt_email")
        customer = charge.optional("customer")
        return cls(
            billing.optional_text("name") if billing else None,
            (billing.optional_text("email") if billing else None) or receipt,
            customer.identifier() if customer else None,
        )

    def known_as(self, customer: Json | None) -> Payer:
        """With what the customer's own record says where the charge says nothing."""
        ids = (self.customer,) if self.customer else ()
        if customer is None:
            return Payer(self.name, self.email, ids)
        return Payer(
            self.name or customer.optional_text("name"), self.email or customer.optional_text("email"), ids
        )


def _settled(movement: Movement, transaction: Json) -> Movement:
    """With the fee, and the amount in the balance's currency if it was exchanged."""
    fee = _money(transaction.field("fee"), transaction)
    gross = _money(transaction.field("amount"), transaction)
    exchanged = gross.currency != movement.amount.currency
    return replace(movement, fee=fee or None, settled=gross if exchanged else None)


def _moving(movements: Iterable[Movement]) -> list[Read]:
    """Those that moved money; of one that moved nothing but its fee that fee."""
    found: list[Read] = []
    for each in movements:
        if each.amount:
            found.append(each)
        elif each.fee:
            found.append(replace(each, kind=MovementKind.FEE, amount=-each.fee, fee=None, settled=None))
    return found


def _money(amount: Json, of: Json) -> Money:
    return stripe_money(amount.integer(), of.field("currency").text())


def _references(*sources: Json) -> tuple[str, ...]:
    """Texts that may name an invoice: descriptions, descriptors, numbers, metadata."""
    texts: list[str | None] = []
    for source in sources:
        texts += [
            source.optional_text(name) for name in ("description", "statement_descriptor", "number", "memo")
        ]
        metadata = source.optional("metadata")
        texts += metadata.strings().values() if metadata else []
    return tuple(dict.fromkeys(each.strip() for each in texts if each and each.strip()))


def _distinct(links: Sequence[Link]) -> tuple[Link, ...]:
    return tuple(dict.fromkeys(links))


def _with_transaction(source: Json, transaction: Json | None) -> JsonObject:
    """The object with its balance transaction inside, and that with the object's id: the same whichever of
    the two was asked for.
    """
    body = dict(source.object())
    if transaction is not None:
        body["balance_transaction"] = {**transaction.object(), "source": source.field("id").identifier()}
    return storable(body)


def _object(transaction: Json) -> JsonObject:
    return storable(transaction.object())


def _unreadable(identifier: str, error: Exception, body: JsonObject) -> Unreadable:
    reason = f"Stripe's {identifier} cannot be booked: {error}. Book it by hand."
    return Unreadable(MovementSource.STRIPE, identifier, reason, body)


def _moment(seconds: Json) -> datetime:
    # Seconds beyond the calendar would end in an OverflowError.
    if not 0 <= seconds.integer() <= 253_402_300_799:
        raise seconds.wrong("seconds since 1970")
    return _EPOCH + timedelta(seconds=seconds.integer())


def _utc_day(seconds: Json) -> date:
    return _moment(seconds).date()
