"""`/transactions/sync`: what changed since a cursor, page after page.

A cursor is a place in the order of changes. One handed out in the middle also holds how far the changes went
when the first page was served: if there are more by then, the pages would no longer fit together, and Plaid
has the client begin again (TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION).
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from integration_pipeline.sandbox.plaid.bank import Bank
from integration_pipeline.sandbox.plaid.errors import invalid_field, mutation_during_pagination
from integration_pipeline.sandbox.plaid.items import Item
from integration_pipeline.sandbox.plaid.lines import Body
from integration_pipeline.transport.json_types import parse_json

_WINDOW = """
    SELECT last.seq, last.action, last.transaction_id, last.account_id, last.body, net.begun
    FROM (
        SELECT max(seq) AS seq, max(action = 'added') AS begun
        FROM changes
        WHERE item_id = ? AND seq > ? AND seq <= ?
        GROUP BY transaction_id
    ) AS net
    INNER JOIN changes AS last ON last.seq = net.seq
    WHERE last.seq > ? AND NOT (net.begun AND last.action = 'removed')
        AND coalesce(?, last.account_id) = last.account_id
    ORDER BY last.seq
    LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Changes up to `begun` are known; of those up to `head`, the ones up to `read`, if any were."""

    item_id: str
    begun: int = 0
    read: int | None = None
    head: int | None = None

    def encoded(self) -> str:
        text = json.dumps([self.item_id, self.begun, self.read, self.head], separators=(",", ":"))
        return base64.b64encode(text.encode()).decode()

    @classmethod
    def decoded(cls, cursor: str, item: Item) -> Place:
        """Raises Plaid's 400 for what is no cursor of this item."""
        if not cursor:
            return cls(item.item_id)
        try:
            place = cls(*json.loads(base64.b64decode(cursor, validate=True)))
        except (binascii.Error, ValueError, TypeError):
            raise invalid_field("cursor must be one that /transactions/sync returned") from None
        if place.item_id != item.item_id:
            raise invalid_field("cursor not associated with access_token")
        return place


@dataclass(slots=True)
class Mutations:
    """How many continued pages are still to be refused as if the data had changed."""

    planned: int = 0

    def strikes(self) -> bool:
        if self.planned == 0:
            return False
        self.planned -= 1
        return True


def page(
    bank: Bank,
    mutations: Mutations,
    item: Item,
    cursor: str,
    count: int,
    *,
    account_id: str | None = None,
    with_original_description: bool = False,
) -> Body:
    """The answer but for its request id."""
    status = bank.items.update_status(item)
    answer: Body = {
        "accounts": bank.items.accounts(item),
        "added": [],
        "modified": [],
        "removed": [],
        "has_more": False,
        "next_cursor": "",
        "transactions_update_status": status,
    }
    bank.items.first_synced(item)
    if status == "NOT_READY":
        return answer
    place = Place.decoded(cursor, item)
    head = _head(bank, item)
    if place.head is not None and (place.head != head or mutations.strikes()):
        raise mutation_during_pagination()
    read = place.begun if place.read is None else place.read
    rows = bank.file.rows(_WINDOW, (item.item_id, place.begun, head, read, account_id, count + 1))
    for row in rows[:count]:
        _put(answer, row, with_original_description)
    answer["has_more"] = len(rows) > count
    following = Place(item.item_id, head)
    if answer["has_more"]:
        following = Place(item.item_id, place.begun, rows[count - 1][0], head)
    answer["next_cursor"] = following.encoded()
    return answer


def _put(answer: Body, row: tuple[Any, ...], with_original_description: bool) -> None:
    _, action, transaction_id, account_id, text, begun = row
    if action == "removed":
        answer["removed"].append({"transaction_id": transaction_id, "account_id": account_id})
        return
    body: Any = parse_json(text.encode())
    if not with_original_description:
        body["original_description"] = None
    answer["added" if begun else "modified"].append(body)


def _head(bank: Bank, item: Item) -> int:
    row = bank.file.row("SELECT coalesce(max(seq), 0) FROM changes WHERE item_id = ?", (item.item_id,))
    assert row is not None  # noqa: S101 - an aggregate always answers
    return int(row[0])
