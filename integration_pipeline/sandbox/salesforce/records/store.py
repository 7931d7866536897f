"""Rows of records: their system fields in columns, all others in one JSON body.

Numbers are kept as their decimal text, so that no digit is lost; what a value may be is `values`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

from integration_pipeline.sandbox.salesforce.ids import new_id
from integration_pipeline.sandbox.salesforce.schema.fields import SObject
from integration_pipeline.sandbox.storage import SqliteFile

Stored: TypeAlias = "str | bool | None"

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    stamp_ms INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_stamp ON records (type, stamp_ms, id);
CREATE INDEX IF NOT EXISTS records_by_type ON records (type, id);
CREATE INDEX IF NOT EXISTS records_by_opportunity ON records (type, json_extract(body, '$.OpportunityId'));
CREATE INDEX IF NOT EXISTS records_by_account ON records (type, json_extract(body, '$.AccountId'));
CREATE INDEX IF NOT EXISTS records_by_contact ON records (type, json_extract(body, '$.ContactId'));
CREATE INDEX IF NOT EXISTS records_by_product ON records (type, json_extract(body, '$.Product2Id'));
CREATE TABLE IF NOT EXISTS numbers (prefix TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS custom_fields (
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    PRIMARY KEY (object, name)
);
CREATE TABLE IF NOT EXISTS delete_log (
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    deleted_ms INTEGER NOT NULL,
    PRIMARY KEY (type, id)
) WITHOUT ROWID;
"""
COLUMNS = "id, type, created_ms, modified_ms, stamp_ms, deleted, body"


@dataclass(frozen=True, slots=True)
class Record:
    """One record; times are milliseconds of the sandbox. `body` has the fields that hold something."""

    id: str
    type: str
    created_ms: int
    modified_ms: int
    stamp_ms: int
    deleted: bool
    body: dict[str, Stored]

    def number(self, name: str) -> Decimal | None:
        held = self.body.get(name)
        return Decimal(held) if isinstance(held, str) else None

    def text(self, name: str) -> str | None:
        held = self.body.get(name)
        return held if isinstance(held, str) else None

    def having(self, changes: dict[str, Stored]) -> Record:
        body = {**self.body, **changes}
        return replace(self, body={name: value for name, value in body.items() if value is not None})


class Store:
    """Reads and writes rows. Rules about records are `writing`."""

    def __init__(self, file: SqliteFile) -> None:
        self.file = file

    def new_id(self, kind: SObject) -> str:
        row = self.file.row(
            "INSERT INTO numbers (prefix, last) VALUES (?, 1)"
            " ON CONFLICT (prefix) DO UPDATE SET last = last + 1 RETURNING last",
            (kind.prefix,),
        )
        assert row is not None  # noqa: S101 - an insert that returns
        return new_id(kind.prefix, row[0])

    def get(self, record_id: str) -> Record | None:
        """A record by its id, a deleted one too."""
        row = self.file.row(f"SELECT {COLUMNS} FROM records WHERE id = ?", (record_id,))  # noqa: S608 - a constant
        return None if row is None else record_of(row)

    def many(self, record_ids: Sequence[str]) -> dict[str, Record]:
        """Records by id."""
        found: dict[str, Record] = {}
        for start in range(0, len(record_ids), 500):
            some = record_ids[start : start + 500]
            marks = ",".join("?" * len(some))
            rows = self.file.rows(
                f"SELECT {COLUMNS} FROM records WHERE id IN ({marks})",  # noqa: S608 - constants
                some,
            )
            found.update((row[0], record_of(row)) for row in rows)
        return found

    def holding(self, kind: str, name: str, value: str, *, deleted: bool = False) -> list[Record]:
        """Records whose field `name`, a name of the catalogue, holds exactly `value`."""
        rows = self.file.rows(
            f"SELECT {COLUMNS} FROM records"  # noqa: S608 - names are the catalogue's
            f" WHERE type = ? AND json_extract(body, '$.{name}') = ? AND deleted = ? ORDER BY id",
            (kind, value, deleted),
        )
        return [record_of(row) for row in rows]

    def of_type(self, kind: str) -> list[Record]:
        """All records of an object that are not deleted."""
        rows = self.file.rows(
            f"SELECT {COLUMNS} FROM records WHERE type = ? AND deleted = 0 ORDER BY id",  # noqa: S608 - constants
            (kind,),
        )
        return [record_of(row) for row in rows]

    def save(self, record: Record) -> None:
        self.file.write(
            f"INSERT OR REPLACE INTO records ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            (
                record.id,
                record.type,
                record.created_ms,
                record.modified_ms,
                record.stamp_ms,
                record.deleted,
                json.dumps(record.body, ensure_ascii=False, separators=(",", ":")),
            ),
        )

    def log_deletion(self, record: Record) -> None:
        """Note it for good: what is restored afterwards was deleted nonetheless."""
        self.file.write(
            "INSERT OR REPLACE INTO delete_log (type, id, deleted_ms) VALUES (?, ?, ?)",
            (record.type, record.id, record.stamp_ms),
        )

    def purge(self, record_ids: Iterable[str]) -> None:
        """Remove for good; the deletion log still knows of it."""
        self.file.write_many("DELETE FROM records WHERE id = ?", [(each,) for each in record_ids])

    def empty(self) -> None:
        """Nothing left but the numbers that ids are made of."""
        for table in ("records", "delete_log"):
            self.file.write(f"DELETE FROM {table}")  # noqa: S608 - two names from above


def record_of(row: Sequence[object]) -> Record:
    """A row of `COLUMNS`."""
    record_id, kind, created, modified, stamp, deleted, body = row
    return Record(
        str(record_id),
        str(kind),
        int(str(created)),
        int(str(modified)),
        int(str(stamp)),
        bool(deleted),
        json.loads(str(body)),
    )
