"""Logins at the bank: items, their accounts, and the webhooks that tell of them.

Belongs here: who may read what, and since when. Does not belong here: transactions (`bank`).
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
from integration_pipeline.sandbox.plaid.lines import Body
from integration_pipeline.sandbox.plaid.storage import EMPTY
from integration_pipeline.sandbox.storage import SqliteFile


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


class Items:
    """All items, whoever they belong to. Methods that change something are all or nothing."""

    def __init__(
        self,
        file: SqliteFile,
        clock: SandboxClock,
        notifications: Notifications,
        *,
        environment: str,
        timing: Timing,
    ) -> None:
        self.file = file
        self.clock = clock
        self.environment = environment
        self._notifications = notifications
        self._timing = timing

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
        self.announce(item, "ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", new_webhook_url=url, error=None)
        return self.item(item.item_id)

    def break_login(self, item: Item) -> None:
        """The bank wants its customer to sign in again."""
        self.file.write("UPDATE items SET login_required = 1 WHERE item_id = ?", (item.item_id,))
        self.announce(item, "ITEM", "ERROR", error=item_login_required().told())

    def repair_login(self, item: Item) -> None:
        self.file.write("UPDATE items SET login_required = 0 WHERE item_id = ?", (item.item_id,))
        self.announce(item, "ITEM", "LOGIN_REPAIRED")

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

    def account(self, item: Item, account_id: str | None) -> tuple[str, str]:
        """The id and the currency of an account, the item's first one unless named."""
        row = self.file.row(
            "SELECT account_id, currency FROM accounts"
            " WHERE item_id = ? AND coalesce(?, account_id) = account_id ORDER BY rowid",
            (item.item_id, account_id),
        )
        if row is None:
            raise UnknownRecord(f"item {item.item_id} has no account {account_id}")
        return row[0], row[1]

    def reset(self) -> None:
        """No items any more, nor anything of theirs."""
        with self.file.transaction():
            for table in EMPTY:
                self.file.write(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        self._notifications.reset()

    def announce(self, item: Item, kind: str, code: str, **fields: Any) -> None:
        """Have a webhook sent."""
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
