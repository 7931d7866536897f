"""The records of all organisations, in one table: each as its element, beside the columns it is found by.

Elements are kept in Xero's field names, with ISO dates, exact decimals, and other records by their id alone;
what an answer shows of them is each endpoint's. Rules are the endpoints' too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.exact_json import JsonObject, dump, parse
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.xero.kinds import Kind, Type

_COLUMNS = (
    "number", "name", "reference", "type", "status", "contact", "parent", "related", "currency", "date",
    "due_date", "total", "remaining", "paid",
)  # fmt: skip

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    app TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    number TEXT COLLATE NOCASE,
    name TEXT COLLATE NOCASE,
    reference TEXT COLLATE NOCASE,
    type TEXT COLLATE NOCASE,
    status TEXT COLLATE NOCASE,
    contact TEXT,
    parent TEXT,
    related TEXT,
    currency TEXT COLLATE NOCASE,
    date TEXT,
    due_date TEXT,
    total INTEGER,
    remaining INTEGER,
    paid INTEGER,
    element TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS records_by_id ON records (tenant, kind, id);
CREATE INDEX IF NOT EXISTS records_by_update ON records (tenant, kind, updated_ms);
CREATE INDEX IF NOT EXISTS records_by_number ON records (tenant, kind, number) WHERE number IS NOT NULL;
CREATE INDEX IF NOT EXISTS records_by_name ON records (tenant, kind, name) WHERE name IS NOT NULL;
CREATE INDEX IF NOT EXISTS records_by_reference ON records (tenant, kind, reference)
    WHERE reference IS NOT NULL;
CREATE INDEX IF NOT EXISTS records_by_contact ON records (tenant, kind, contact) WHERE contact IS NOT NULL;
CREATE INDEX IF NOT EXISTS records_by_parent ON records (tenant, kind, parent) WHERE parent IS NOT NULL;
CREATE INDEX IF NOT EXISTS records_by_related ON records (tenant, kind, related) WHERE related IS NOT NULL;
"""

_SELECT = "SELECT id, app, created_ms, updated_ms, element FROM records"
_INSERT = (
    "INSERT INTO records (tenant, kind, id, app, created_ms, updated_ms, "  # noqa: S608 - our own names
    f"{', '.join(_COLUMNS)}, element) VALUES ({', '.join('?' * (7 + len(_COLUMNS)))})"
)
_UPDATE = (
    f"UPDATE records SET updated_ms = ?, {', '.join(f'{name} = ?' for name in _COLUMNS)}, "  # noqa: S608
    "element = ? WHERE tenant = ? AND kind = ? AND id = ?"
)


@dataclass(frozen=True, slots=True)
class Record:
    """`element` is this record's own, to be changed and saved. Times are epoch milliseconds."""

    kind: Kind
    id: str
    app: str
    created_ms: int
    updated_ms: int
    element: JsonObject

    def amount(self, name: str) -> Decimal:
        return cast("Decimal", self.element[name])

    @property
    def status(self) -> str:
        return cast("str", self.element["Status"])


class Records:
    """Those of one organisation, written by one app."""

    def __init__(self, storage: SqliteFile, clock: SandboxClock, tenant: str, app: str) -> None:
        self._storage = storage
        self._clock = clock
        self.tenant = tenant
        self.app = app

    def get(self, kind: Kind, identifier: str | None) -> Record | None:
        return self._one(kind, "id = ?", identifier) if identifier else None

    def by_number(self, kind: Kind, number: str, where: str = "1") -> Record | None:
        """The oldest of that number, or code, for which `where` also holds."""
        return self._one(kind, f"number = ? AND {where}", number)

    def by_name(self, kind: Kind, name: str, where: str = "1") -> Record | None:
        return self._one(kind, f"name = ? AND {where}", name)

    def of_parent(self, kind: Kind, parent: str) -> list[Record]:
        return self.select(kind, "parent = ?", (parent,))

    def select(
        self,
        kind: Kind,
        where: str = "1",
        parameters: Sequence[object] = (),
        order: str = "seq",
        limit: int = -1,
        offset: int = 0,
    ) -> list[Record]:
        """Records for which `where`, our own SQL over the columns, holds."""
        rows = self._storage.rows(
            f"{_SELECT} WHERE tenant = ? AND kind = ? AND {where} ORDER BY {order} LIMIT ? OFFSET ?",
            (self.tenant, kind.plural, *parameters, limit, offset),
        )
        return [_record(kind, row) for row in rows]

    def count(self, kind: Kind, where: str, parameters: Sequence[object]) -> int:
        rows = self._storage.rows(
            f"SELECT count(*) FROM records WHERE tenant = ? AND kind = ? AND {where}",  # noqa: S608 - ours
            (self.tenant, kind.plural, *parameters),
        )
        return cast("int", rows[0][0])

    def existing(self, kind: Kind, identifier: str) -> Record:
        """One that another record refers to, and that is therefore there."""
        record = self.get(kind, identifier)
        assert record is not None  # noqa: S101 - nothing refers to what is removed
        return record

    def newest(self) -> int:
        """A number that rises with every record of any organisation."""
        row = self._storage.row("SELECT coalesce(max(seq), 0) FROM records")
        return cast("int", row[0]) if row is not None else 0

    def add(self, kind: Kind, element: JsonObject) -> Record:
        """Insert under a new id."""
        now = self._clock.now_ms()
        record = Record(kind, str(uuid4()), self.app, now, now, element)
        self._storage.write(
            _INSERT,
            (self.tenant, kind.plural, record.id, self.app, now, now, *_values(kind, element), dump(element)),
        )
        return record

    def save(self, record: Record, element: JsonObject, *, touch: bool = True) -> Record:
        """Replace the element; `touch` False leaves the time of the last change as it was."""
        updated = self._clock.now_ms() if touch else record.updated_ms
        saved = Record(record.kind, record.id, record.app, record.created_ms, updated, element)
        self._storage.write(
            _UPDATE,
            (
                updated,
                *_values(record.kind, element),
                dump(element),
                self.tenant,
                record.kind.plural,
                record.id,
            ),
        )
        return saved

    def remove(self, record: Record) -> None:
        self._storage.write(
            "DELETE FROM records WHERE tenant = ? AND kind = ? AND id = ?",
            (self.tenant, record.kind.plural, record.id),
        )

    def _one(self, kind: Kind, where: str, value: object) -> Record | None:
        found = self.select(kind, where, (value,), limit=1)
        return found[0] if found else None


def scaled(amount: Decimal) -> int:
    """An amount as its column holds it."""
    return int(amount.scaleb(4))


def _values(kind: Kind, element: JsonObject) -> list[object]:
    columns: dict[str, object] = {}
    for field in kind.fields.values():
        if field.key is not None:
            value = element.get(field.key)
            columns[field.sql] = scaled(value) if field.type is Type.AMOUNT and value is not None else value
    return [columns.get(name) for name in _COLUMNS]


def _record(kind: Kind, row: Sequence[Any]) -> Record:
    identifier, app, created_ms, updated_ms, element = row
    return Record(kind, identifier, app, created_ms, updated_ms, parse(element))
