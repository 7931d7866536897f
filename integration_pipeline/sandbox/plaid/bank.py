"""The bank behind the imitation: items, their accounts, and transactions that come, change and go.

Belongs here: what happens, and which webhook tells of it. Does not belong here: pages of it (`sync`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.notifications.service import Notifications
from integration_pipeline.sandbox.plaid.errors import (
    PlaidError,
    invalid_access_token,
    invalid_public_token,
    item_login_required,
)
from integration_pipeline.sandbox.plaid.ids import new_id, new_token
from integration_pipeline.sandbox.plaid.lines import Body, Line, transaction
from integration_pipeline.sandbox.plaid.storage import EMPTY
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.transport.json_types import dump_json, parse_json


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from a login until transactions are there, first the newest, then all."""

    initial: int = 0
    historical: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """A login at the bank."""

    item_id: str
    access_token: str
    institution_id: str
    webhook: str | None
    products: list[str]
    created_ms: int
    login_required: bool
    synced: bool

    @property
    def error(self) -> PlaidError | None:
        return item_login_required() if self.login_required else None


@dataclass(frozen=True, slots=True)
class NewAccount:
    name: str = "Operating Account"
    currency: str = "USD"
    type: str = "depository"
    subtype: str = "checking"
    mask: str = "0000"
    balance: Decimal = Decimal(0)


class UnknownRecord(LookupError):  # noqa: N818 - reads as the statement it makes
    """The bank has no such item, account or transaction."""


_ITEM = (
    "SELECT item_id, access_token, institution_id, webhook, products, created_ms, login_required, synced"
    " FROM items"
)


class Bank:
    """All items, whoever they belong to. Methods that change something are all or nothing."""

    def __init__(
        self,
        file: SqliteFile,
        clock: SandboxClock,
        notifications: Notifications,
        *,
        environment: str,
        timing: Timing,
        legacy_webhooks: bool,
    ) -> None:
        self.file = file
        self.clock = clock
        self.environment = environment
        self._notifications = notifications
        self._timing = timing
        self._legacy = legacy_webhooks

    def open_item(
        self, institution: str, products: Sequence[str], accounts: Sequence[NewAccount], webhook: str | None
    ) -> tuple[Item, str]:
        """A new login with its accounts, and the public token that is exchanged for its access token."""
        item_id = new_id()
        public_token = new_token("public", self.environment)
        with self.file.transaction():
            self.file.write(
                "INSERT INTO items (item_id, access_token, public_token, institution_id, webhook, products,"
                " created_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    item_id,
                    new_token("access", self.environment),
                    public_token,
                    institution,
                    webhook,
                    json.dumps(list(products)),
                    self.clock.now_ms(),
                ),
            )
            for each in accounts:
                self.file.write(
                    "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        new_id(),
                        item_id,
                        each.name,
                        each.currency,
                        each.type,
                        each.subtype,
                        each.mask,
                        f"{each.balance:f}",
                    ),
                )
        if webhook is not None:
            self._notifications.configure({"url": webhook})
        return self.item(item_id), public_token

    def exchange(self, public_token: str) -> Item:
        """Once only. Raises Plaid's error for a token unknown or used."""
        row = self.file.row(f"{_ITEM} WHERE public_token = ?", (public_token,))
        if row is None:
            raise invalid_public_token()
        self.file.write("UPDATE items SET public_token = NULL WHERE public_token = ?", (public_token,))
        return _item(row)

    def of_token(self, access_token: str) -> Item:
        row = self.file.row(f"{_ITEM} WHERE access_token = ?", (access_token,))
        if row is None:
            raise invalid_access_token()
        return _item(row)

    def item(self, item_id: str | None) -> Item:
        """An item by id, the newest without one. Raises `UnknownRecord`."""
        row = (
            self.file.row(f"{_ITEM} ORDER BY created_ms DESC, rowid DESC LIMIT 1")
            if item_id is None
            else self.file.row(f"{_ITEM} WHERE item_id = ?", (item_id,))
        )
        if row is None:
            raise UnknownRecord(f"there is no item {item_id or 'yet; open one'}")
        return _item(row)

    def items(self) -> list[Item]:
        return [_item(row) for row in self.file.rows(f"{_ITEM} ORDER BY created_ms, rowid")]

    def remove_item(self, item: Item) -> None:
        with self.file.transaction():
            for table in EMPTY:
                self.file.write(f"DELETE FROM {table} WHERE item_id = ?", (item.item_id,))  # noqa: S608

    def accounts(self, item: Item) -> list[Body]:
        """As `/accounts/get` shows them."""
        rows = self.file.rows(
            "SELECT account_id, name, currency, type, subtype, mask, balance FROM accounts"
            " WHERE item_id = ? ORDER BY rowid",
            (item.item_id,),
        )
        return [
            {
                "account_id": account_id,
                "balances": {
                    "available": Decimal(balance),
                    "current": Decimal(balance),
                    "iso_currency_code": currency,
                    "limit": None,
                    "unofficial_currency_code": None,
                },
                "holder_category": "business",
                "mask": mask,
                "name": name,
                "official_name": name,
                "subtype": subtype,
                "type": kind,
            }
            for account_id, name, currency, kind, subtype, mask, balance in rows
        ]

    def set_webhook(self, item: Item, url: str | None) -> Item:
        self.file.write("UPDATE items SET webhook = ? WHERE item_id = ?", (url, item.item_id))
        self._notifications.configure({"url": url})
        self._announce(item, "ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", new_webhook_url=url, error=None)
        return self.item(item.item_id)

    def break_login(self, item: Item) -> None:
        """The bank wants its customer to sign in again."""
        self.file.write("UPDATE items SET login_required = 1 WHERE item_id = ?", (item.item_id,))
        self._announce(item, "ITEM", "ERROR", error=item_login_required().told())

    def repair_login(self, item: Item) -> None:
        self.file.write("UPDATE items SET login_required = 0 WHERE item_id = ?", (item.item_id,))
        self._announce(item, "ITEM", "LOGIN_REPAIRED")

    def update_status(self, item: Item) -> str:
        """How much of an item's history Plaid has by now."""
        age = (self.clock.now_ms() - item.created_ms) // 1_000
        if age < self._timing.initial:
            return "NOT_READY"
        if age < self._timing.historical:
            return "INITIAL_UPDATE_COMPLETE"
        return "HISTORICAL_UPDATE_COMPLETE"

    def first_synced(self, item: Item) -> None:
        """From now on webhooks tell of new transactions."""
        if not item.synced:
            self.file.write("UPDATE items SET synced = 1 WHERE item_id = ?", (item.item_id,))

    def add(self, item: Item, account_id: str | None, lines: Sequence[Line]) -> list[Body]:
        """New lines of an account, the item's first one unless named."""
        account, currency = self._account(item, account_id)
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
        account, currency = self._account(item, before["account_id"])
        line = Line.model_validate({**_line(before), **changes, "pending": False})
        with self.file.transaction():
            self._withdraw(item, before)
            added = self._enter(item, account, currency, line, None if forget_pending else transaction_id)
        self.tell_of_updates(item, 1)
        return added

    def modify(self, transaction_id: str, changes: Body) -> Body:
        """The bank changes a line that it keeps."""
        item, before = self._found(transaction_id)
        account, currency = self._account(item, before["account_id"])
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
        item = self.item(item.item_id)
        status = self.update_status(item)
        if self._legacy:
            self._announce(item, "TRANSACTIONS", "DEFAULT_UPDATE", new_transactions=new, error=None)
        if item.synced:
            self._announce(
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

    def reset(self) -> None:
        """No items any more."""
        with self.file.transaction():
            for table in EMPTY:
                self.file.write(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        self._notifications.reset()

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

    def _account(self, item: Item, account_id: str | None) -> tuple[str, str]:
        row = self.file.row(
            "SELECT account_id, currency FROM accounts"
            " WHERE item_id = ? AND coalesce(?, account_id) = account_id ORDER BY rowid",
            (item.item_id, account_id),
        )
        if row is None:
            raise UnknownRecord(f"item {item.item_id} has no account {account_id}")
        return row[0], row[1]

    def _found(self, transaction_id: str) -> tuple[Item, Body]:
        row = self.file.row(
            "SELECT item_id, body FROM transactions WHERE transaction_id = ? AND removed = 0",
            (transaction_id,),
        )
        if row is None:
            raise UnknownRecord(f"there is no transaction {transaction_id}")
        return self.item(row[0]), _body(row[1])

    def _announce(self, item: Item, kind: str, code: str, **fields: Any) -> None:
        self._notifications.announce(
            {
                "environment": self.environment,
                "item_id": item.item_id,
                "webhook_code": code,
                "webhook_type": kind,
                **fields,
            },
            code,
        )


def _item(row: tuple[Any, ...]) -> Item:
    item_id, access_token, institution_id, webhook, products, created_ms, login_required, synced = row
    return Item(
        item_id,
        access_token,
        institution_id,
        webhook,
        json.loads(products),
        created_ms,
        bool(login_required),
        bool(synced),
    )


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
