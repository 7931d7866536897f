"""The objects of the account in SQLite, found by id and listed newest first by what Stripe filters by.

Belongs here: rows and columns. Does not belong here: what an object means, and how it is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.transport.json_types import dump_json, parse_json

Body: TypeAlias = "dict[str, Any]"

COLUMNS = ("customer", "invoice", "payment_intent", "charge", "source", "status", "type", "currency")
"""What lists filter by, taken from the body; `payout` is kept beside it."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    customer TEXT,
    invoice TEXT,
    payment_intent TEXT,
    charge TEXT,
    source TEXT,
    status TEXT,
    type TEXT,
    currency TEXT,
    payout TEXT,
    deleted INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_newest ON objects (kind, created, seq);
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (customer, kind) WHERE customer IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_invoice ON objects (invoice, kind) WHERE invoice IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_intent ON objects (payment_intent, kind)
    WHERE payment_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_charge ON objects (charge, kind) WHERE charge IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_source ON objects (source) WHERE source IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_payout ON objects (payout) WHERE payout IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_unpaid ON objects (currency, seq)
    WHERE kind = 'balance_transaction' AND payout IS NULL;
CREATE INDEX IF NOT EXISTS customers_by_email ON objects (json_extract(body, '$.email'))
    WHERE kind = 'customer';
CREATE INDEX IF NOT EXISTS invoices_by_number ON objects (json_extract(body, '$.number'))
    WHERE kind = 'invoice';
CREATE INDEX IF NOT EXISTS events_by_type ON objects (type, created, seq) WHERE kind = 'event';

CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY,
    used_ms INTEGER NOT NULL,
    request TEXT NOT NULL,
    status INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS webhook_secrets (
    secret TEXT PRIMARY KEY,
    expires_ms INTEGER
);
"""


@dataclass(frozen=True, slots=True)
class Query:
    """Which objects of a kind a list holds: `equal` by column, `types` (with `*` at the end), times."""

    kind: str
    equal: Mapping[str, str] = field(default_factory=dict[str, str])
    types: Sequence[str] = ()
    created: Mapping[str, int] = field(default_factory=dict[str, int])
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Objects newest first, and whether there are more in the direction that was asked for."""

    bodies: list[Body]
    has_more: bool


class Objects:
    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, body: Body) -> Body:
        """Keep a new object, by its `id`, `object` and `created` (invoice items call it their `date`)."""
        columns = _columns(body)
        created = body["created"] if "created" in body else body["date"]
        names = ", ".join(("id", "kind", "created", *columns, "body"))
        marks = ", ".join("?" * (len(columns) + 4))
        self._file.write(
            f"INSERT INTO objects ({names}) VALUES ({marks})",  # noqa: S608 - names of columns are ours
            (body["id"], body["object"], created, *columns.values(), _text(body)),
        )
        return body

    def keep(self, body: Body) -> Body:
        """Replace an object by its changed self."""
        columns = _columns(body)
        changes = ", ".join(f"{name} = ?" for name in (*columns, "body"))
        self._file.write(
            f"UPDATE objects SET {changes} WHERE id = ?",  # noqa: S608 - names of columns are ours
            (*columns.values(), _text(body), body["id"]),
        )
        return body

    def delete(self, identifier: str) -> None:
        self._file.write("UPDATE objects SET deleted = 1 WHERE id = ?", (identifier,))

    def find(self, kind: str, identifier: str) -> Body | None:
        row = self._file.row(
            "SELECT body FROM objects WHERE id = ? AND kind = ? AND deleted = 0", (identifier, kind)
        )
        return None if row is None else _body(row[0])

    def of_any_kind(self, identifier: str) -> Body | None:
        """An object by id; of a deleted one that it was."""
        row = self._file.row("SELECT body, deleted FROM objects WHERE id = ?", (identifier,))
        if row is None:
            return None
        body = _body(row[0])
        return {"id": body["id"], "object": body["object"], "deleted": True} if row[1] else body

    def customer_with(self, email: str) -> Body | None:
        """The oldest customer of an email."""
        row = self._file.row(
            "SELECT body FROM objects WHERE kind = 'customer' AND json_extract(body, '$.email') = ?"
            " AND deleted = 0 ORDER BY seq",
            (email,),
        )
        return None if row is None else _body(row[0])

    def invoice_numbered(self, number: str) -> Body | None:
        row = self._file.row(
            "SELECT body FROM objects WHERE kind = 'invoice' AND json_extract(body, '$.number') = ?"
            " AND deleted = 0 ORDER BY seq",
            (number,),
        )
        return None if row is None else _body(row[0])

    def all(self, query: Query) -> list[Body]:
        """Everything a query finds, newest first."""
        return self._select(query, "", [], "created DESC, seq DESC", None)

    def page(self, query: Query, limit: int, after: str | None, before: str | None) -> Slice | None:
        """The objects behind `after`, or those next before `before`; None if that one is unknown."""
        cursor = after or before
        if cursor is None:
            return _slice(self._select(query, "", [], "created DESC, seq DESC", limit + 1), limit)
        place = self._file.row("SELECT created, seq FROM objects WHERE id = ?", (cursor,))
        if place is None:
            return None
        if after is not None:
            older = self._select(
                query, "(created, seq) < (?, ?)", list(place), "created DESC, seq DESC", limit + 1
            )
            return _slice(older, limit)
        newer = _slice(
            self._select(query, "(created, seq) > (?, ?)", list(place), "created, seq", limit + 1), limit
        )
        return Slice(newer.bodies[::-1], newer.has_more)

    def pay_out(self, transactions: Sequence[str], payout: str) -> None:
        """Note in which payout balance transactions went to the bank."""
        self._file.write_many(
            "UPDATE objects SET payout = ? WHERE id = ?", [(payout, each) for each in transactions]
        )

    def unpaid(self, currency: str) -> list[Body]:
        """Balance transactions of a currency that no payout holds yet, oldest first."""
        rows = self._file.rows(
            "SELECT body FROM objects WHERE kind = 'balance_transaction' AND payout IS NULL"
            " AND currency = ? AND type <> 'payout' ORDER BY seq",
            (currency,),
        )
        return [_body(row[0]) for row in rows]

    def totals(self) -> list[tuple[str, int]]:
        """How many objects there are of each kind."""
        return [
            (str(kind), int(count))
            for kind, count in self._file.rows(
                "SELECT kind, count(*) FROM objects WHERE deleted = 0 GROUP BY kind ORDER BY kind"
            )
        ]

    def empty(self) -> None:
        self._file.write("DELETE FROM objects")
        self._file.write("DELETE FROM idempotency")

    def _select(
        self, query: Query, place: str, place_values: list[object], order: str, limit: int | None
    ) -> list[Body]:
        conditions = ["kind = ?", "deleted = 0"]
        values: list[object] = [query.kind]
        for column, wanted in query.equal.items():
            conditions.append(f"{column} = ?")
            values.append(wanted)
        if query.types:
            alternatives: list[str] = []
            for wanted in query.types:
                alternatives.append("type GLOB ?" if wanted.endswith("*") else "type = ?")
                values.append(wanted)
            conditions.append(f"({' OR '.join(alternatives)})")
        for comparison, moment in query.created.items():
            conditions.append(f"created {_COMPARISONS[comparison]} ?")
            values.append(moment)
        if query.since is not None:
            conditions.append("created >= ?")
            values.append(query.since)
        if place:
            conditions.append(place)
            values += place_values
        bound = "" if limit is None else f" LIMIT {limit}"
        rows = self._file.rows(
            f"SELECT body FROM objects WHERE {' AND '.join(conditions)} ORDER BY {order}{bound}",  # noqa: S608
            values,
        )
        return [_body(row[0]) for row in rows]


_RATED = re.compile(r'"exchange_rate":[0-9]')
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "is": "="}


def _columns(body: Body) -> dict[str, str | None]:
    """The values lists filter by; an invoice payment keeps its payment intent one level deeper."""
    columns: dict[str, str | None] = {name: body.get(name) for name in COLUMNS}
    payment = body.get("payment")
    if isinstance(payment, dict):
        columns["payment_intent"] = body["payment"].get("payment_intent")
    return columns


def _slice(found: list[Body], limit: int) -> Slice:
    return Slice(found[:limit], len(found) > limit)


def _text(body: Body) -> str:
    return dump_json(body).decode()


def _body(text: str) -> Body:
    # An exchange rate, the one number with a fraction, stays exact; the plain parser is several times faster.
    if not _RATED.search(text):
        return json.loads(text)
    body: Any = parse_json(text.encode())
    return body
