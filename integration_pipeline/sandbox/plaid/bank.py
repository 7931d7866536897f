"""The bank behind the imitation: transactions that come, change and go.

Belongs here: what happens to a line, and which webhook tells of it. Does not belong here: pages (`sync`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.plaid.ids import new_id
from integration_pipeline.sandbox.plaid.items import Item, Items, UnknownRecord
from integration_pipeline.sandbox.plaid.lines import Body, Line, transaction
from integration_pipeline.transport.json_types import dump_json, parse_json


class Bank:
    """The lines of all items. Methods are all or nothing, and tell of what they did."""

    def __init__(self, items: Items, *, legacy_webhooks: bool) -> None:
        self.items = items
        self.file = items.file
        self._legacy = legacy_webhooks

    def add(self, item: Item, account_id: str | None, lines: Sequence[Line]) -> list[Body]:
        """New lines of an account, the item's first one unless named."""
        account, currency = self.items.account(item, account_id)
        with self.file.transaction():
            added = [self._enter(item, account, currency, line, None) for line in lines]
        self.tell_of_updates(item, len(added))
        return added

    def settle(self, transaction_id: str, changes: Body, *, forget_pending: bool = False) -> Body:
        """A pending line is posted: it goes, and another one with an id of its own comes.

        `changes` are what the bank knows better by then; `forget_pending` leaves the link out, as some banks
        do.
        """
        item, before = self._found(transaction_id)
        account, currency = self.items.account(item, before["account_id"])
        line = Line.model_validate({**_line(before), **changes, "pending": False})
        with self.file.transaction():
            self._withdraw(item, before)
            added = self._enter(item, account, currency, line, None if forget_pending else transaction_id)
        self.tell_of_updates(item, 1)
        return added

    def modify(self, transaction_id: str, changes: Body) -> Body:
        """The bank changes a line that it keeps."""
        item, before = self._found(transaction_id)
        account, currency = self.items.account(item, before["account_id"])
        line = Line.model_validate({**_line(before), **changes})
        after = transaction(line, transaction_id, account, currency, before["pending_transaction_id"])
        with self.file.transaction():
            self._book(account, _posted(before) - _posted(after))
            self.file.write(
                "UPDATE transactions SET body = ? WHERE transaction_id = ?", (_text(after), transaction_id)
            )
            self._note(item, "modified", after)
        self.tell_of_updates(item, 0)
        return after

    def remove(self, transaction_id: str) -> None:
        """The bank takes a line back."""
        item, before = self._found(transaction_id)
        with self.file.transaction():
            self._withdraw(item, before)
        self.tell_of_updates(item, 0)

    def tell_of_updates(self, item: Item, new: int) -> None:
        """SYNC_UPDATES_AVAILABLE, once the item was synced; and where they are wanted, the older codes."""
        item = self.items.item(item.item_id)
        status = self.items.update_status(item)
        if self._legacy:
            self.items.announce(item, "TRANSACTIONS", "DEFAULT_UPDATE", new_transactions=new, error=None)
        if item.synced:
            self.items.announce(
                item,
                "TRANSACTIONS",
                "SYNC_UPDATES_AVAILABLE",
                initial_update_complete=status != "NOT_READY",
                historical_update_complete=status == "HISTORICAL_UPDATE_COMPLETE",
            )

    def totals(self) -> list[Body]:
        """Lines of each account that are posted and not taken back: their count and sum, in Plaid's sign."""
        sums: dict[tuple[str, str], tuple[int, Decimal]] = {}
        for account_id, text in self.file.rows("SELECT account_id, body FROM transactions WHERE removed = 0"):
            body = _body(text)
            if not body["pending"]:
                key = (account_id, body["iso_currency_code"] or body["unofficial_currency_code"])
                count, total = sums.get(key, (0, Decimal(0)))
                sums[key] = (count + 1, total + body["amount"])
        return [
            {"account_id": account, "currency": currency, "count": count, "amount": total}
            for (account, currency), (count, total) in sorted(sums.items())
        ]

    def _enter(self, item: Item, account: str, currency: str, line: Line, pending_id: str | None) -> Body:
        body = transaction(line, new_id(), account, currency, pending_id)
        self.file.write(
            "INSERT INTO transactions (transaction_id, item_id, account_id, body) VALUES (?, ?, ?, ?)",
            (body["transaction_id"], item.item_id, account, _text(body)),
        )
        self._book(account, -_posted(body))
        self._note(item, "added", body)
        return body

    def _withdraw(self, item: Item, body: Body) -> None:
        self.file.write(
            "UPDATE transactions SET removed = 1 WHERE transaction_id = ?", (body["transaction_id"],)
        )
        self._book(body["account_id"], _posted(body))
        self._note(item, "removed", body)

    def _book(self, account: str, amount: Decimal) -> None:
        row = self.file.row("SELECT balance FROM accounts WHERE account_id = ?", (account,))
        assert row is not None  # noqa: S101 - the account of a line
        self.file.write(
            "UPDATE accounts SET balance = ? WHERE account_id = ?", (f"{Decimal(row[0]) + amount:f}", account)
        )

    def _note(self, item: Item, action: str, body: Body) -> None:
        self.file.write(
            "INSERT INTO changes (item_id, transaction_id, account_id, action, body) VALUES (?, ?, ?, ?, ?)",
            (
                item.item_id,
                body["transaction_id"],
                body["account_id"],
                action,
                None if action == "removed" else _text(body),
            ),
        )

    def _found(self, transaction_id: str) -> tuple[Item, Body]:
        row = self.file.row(
            "SELECT item_id, body FROM transactions WHERE transaction_id = ? AND removed = 0",
            (transaction_id,),
        )
        if row is None:
            raise UnknownRecord(f"there is no transaction {transaction_id}")
        return self.items.item(row[0]), _body(row[1])


def _posted(body: Body) -> Decimal:
    """What a line takes off its account's balance: nothing while it is pending."""
    return Decimal(0) if body["pending"] else Decimal(body["amount"])


def _line(body: Body) -> Body:
    """What the bank told of a line, from what Plaid makes of it."""
    counterparties = body["counterparties"]
    meta = body["payment_meta"]
    told = {
        "amount": body["amount"],
        "date": body["date"],
        "name": body["name"],
        "currency": body["iso_currency_code"],
        "unofficial_currency": body["unofficial_currency_code"],
        "pending": body["pending"],
        "counterparty": counterparties[0]["name"] if counterparties else None,
    }
    same = ("authorized_date", "datetime", "original_description", "merchant_name", "check_number")
    of_meta = ("reference_number", "payer", "payee", "by_order_of", "reason", "payment_method")
    return {
        **told,
        **{name: body[name] for name in same},
        **{name: meta[name] for name in of_meta},
        "transaction_code": body["transaction_code"],
    }


def _text(body: Body) -> str:
    return dump_json(body).decode()


def _body(text: str) -> Body:
    body: Any = parse_json(text.encode())
    return body
