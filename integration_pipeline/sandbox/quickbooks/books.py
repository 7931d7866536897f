"""One company's records: kept, numbered, found, changed; and what its webhooks are to tell of.

Knows how records are stored and rendered. What an entity may hold is `lists`, `sales`, `payments`, `journal`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.exact_json import JsonObject, dump, parse
from integration_pipeline.sandbox.quickbooks import moments
from integration_pipeline.sandbox.quickbooks.options import Company
from integration_pipeline.sandbox.storage import SqliteFile

CENT = Decimal("0.01")

# Transactions share one sequence of ids, people and firms another.
_SEQUENCES = {"Customer": "names", "Vendor": "names", "Employee": "names"}
_LISTS = {"Item": "items", "Account": "accounts", "TaxCode": "taxcodes", "TaxRate": "taxrates"}

_NAMED = ("DisplayName", "Name")
_NUMBERED = ("DocNumber", "PaymentRefNum")
_BALANCES = {"Invoice": "Balance", "CreditMemo": "RemainingCredit", "Payment": "UnappliedAmt"}


@dataclass(frozen=True, slots=True)
class Change:
    """What a webhook tells of: `operation` is Create, Update, Delete or Void."""

    entity: str
    id: int
    operation: str
    at_s: int


@dataclass(slots=True)
class Record:
    """`body` is what the API shows but for Id, SyncToken and MetaData."""

    entity: str
    id: int
    sync_token: int
    created_s: int
    updated_s: int
    body: JsonObject

    def amount(self, name: str) -> Decimal:
        """A number of the body; 0 where there is none."""
        return self.body.get(name) or Decimal(0)


class Books:
    """Everything the rules of an entity act on. Changes happen in `changing`; then webhooks are told."""

    def __init__(
        self,
        file: SqliteFile,
        clock: SandboxClock,
        company: Company,
        announce: Callable[[str, Sequence[Change]], None],
    ) -> None:
        self.file = file
        self.clock = clock
        self.company = company
        self._announce = announce
        self._changes: list[Change] = []

    @property
    def realm(self) -> str:
        return self.company.realm_id

    def now_s(self) -> int:
        return self.clock.now_ms() // 1_000

    def today(self) -> str:
        """The company's civil date."""
        return moments.civil_date(self.now_s(), self.company.utc_offset)

    @contextmanager
    def changing(self) -> Generator[None]:
        """All or nothing; changes of what failed are never told. A part of an outer one can fail alone."""
        before = len(self._changes)
        outermost = not self.file.connection.in_transaction
        try:
            with self.file.transaction():
                yield
        except BaseException:
            del self._changes[before:]
            raise
        if outermost and self._changes:
            told, self._changes = self._changes, []
            self._announce(self.realm, told)

    def next_number(self, counter: str) -> int:
        """The next of a sequence, from 1."""
        row = self.file.row(
            "INSERT INTO counters (realm, name, last) VALUES (?, ?, 1)"
            " ON CONFLICT (realm, name) DO UPDATE SET last = last + 1 RETURNING last",
            (self.realm, counter),
        )
        assert row is not None  # noqa: S101 - the statement returns one
        return row[0]

    def find(self, entity: str, identifier: int | None) -> Record | None:
        """A record that was not deleted; none has the id None."""
        row = self.file.row(
            "SELECT sync_token, created_s, updated_s, body FROM records"
            " WHERE realm = ? AND entity = ? AND id = ? AND NOT deleted",
            (self.realm, entity, identifier),
        )
        if row is None or identifier is None:
            return None
        body = parse(row[3], all_decimal=True)
        for name in ("Id", "SyncToken", "MetaData", "domain", "sparse"):
            body.pop(name, None)
        return Record(entity, identifier, row[0], row[1], row[2], body)

    def text(self, entity: str, identifier: int | None) -> str | None:
        """A record's JSON as the API shows it."""
        row = self.file.row(
            "SELECT body, balance FROM records WHERE realm = ? AND entity = ? AND id = ? AND NOT deleted",
            (self.realm, entity, identifier),
        )
        return None if row is None else shown(entity, row[0], row[1])

    def named(self, entity: str, name: str) -> int | None:
        """The id of the record that has a name, whatever its case."""
        row = self.file.row(
            "SELECT id FROM records WHERE realm = ? AND entity = ? AND name = ? AND NOT deleted",
            (self.realm, entity, name),
        )
        return None if row is None else row[0]

    def numbered(self, entity: str, number: str) -> int | None:
        """The id of the document that has a number."""
        row = self.file.row(
            "SELECT id FROM records WHERE realm = ? AND entity = ? AND doc_number = ? AND NOT deleted",
            (self.realm, entity, number),
        )
        return None if row is None else row[0]

    def add(self, entity: str, body: JsonObject) -> Record:
        sequence = _SEQUENCES.get(entity) or _LISTS.get(entity, "transactions")
        now = self.now_s()
        record = Record(entity, self.next_number(sequence), 0, now, now, body)
        self._put(record, "INSERT")
        self._tell(record, "Create")
        return record

    def replace(self, record: Record, body: JsonObject, operation: str = "Update") -> Record:
        """The next version of a record."""
        changed = Record(
            record.entity, record.id, record.sync_token + 1, record.created_s, self.now_s(), body
        )
        self._put(changed, "REPLACE")
        self._tell(changed, operation)
        return changed

    def remove(self, record: Record) -> None:
        """Keep what CDC shows of a deleted record."""
        now = self.now_s()
        self.file.write(
            "UPDATE records SET deleted = 1, updated_s = ? WHERE realm = ? AND entity = ? AND id = ?",
            (now, self.realm, record.entity, record.id),
        )
        self._tell(Record(record.entity, record.id, record.sync_token, 0, now, {}), "Delete")

    def owe(self, customer: int, amount: Decimal) -> None:
        """Add to what a customer owes; a part of the customer's rendering, not a version of it."""
        if amount:
            self.file.write(
                "UPDATE records SET balance = balance + ? WHERE realm = ? AND entity = 'Customer' AND id = ?",
                (minor(amount), self.realm, customer),
            )

    def _put(self, record: Record, verb: str) -> None:
        body = record.body
        balance = body.get(_BALANCES.get(record.entity, ""))
        party = _reference(body, "CustomerRef")
        values: list[Any] = [
            self.realm,
            record.entity,
            record.id,
            record.sync_token,
            record.created_s,
            record.updated_s,
            _first(body, _NAMED),
            _first(body, _NUMBERED),
            None if party is None else int(party),
            body.get("TxnDate"),
            body.get("DueDate"),
            _reference(body, "CurrencyRef") or self.company.home_currency,
            _minor(body.get("TotalAmt")),
            self._owed(record, verb) if record.entity == "Customer" else _minor(balance),
            body.get("Active"),
            dump(self._rendered(record)),
        ]
        self.file.write(
            f"{verb} INTO records (realm, entity, id, sync_token, created_s, updated_s, name, doc_number,"
            " party, txn_date, due_date, currency, total, balance, active, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )

    def _owed(self, record: Record, verb: str) -> int:
        if verb == "INSERT":
            return 0
        row = self.file.row(
            "SELECT balance FROM records WHERE realm = ? AND entity = 'Customer' AND id = ?",
            (self.realm, record.id),
        )
        return row[0] if row else 0

    def _rendered(self, record: Record) -> JsonObject:
        offset = self.company.utc_offset
        return {
            **record.body,
            "domain": "QBO",
            "sparse": False,
            "Id": str(record.id),
            "SyncToken": str(record.sync_token),
            "MetaData": {
                "CreateTime": moments.written(record.created_s, offset),
                "LastUpdatedTime": moments.written(record.updated_s, offset),
            },
        }

    def _tell(self, record: Record, operation: str) -> None:
        self._changes.append(Change(record.entity, record.id, operation, record.updated_s))


def record_id(text: str) -> int | None:
    """A record's id from text; None for what cannot be one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def minor(amount: Decimal) -> int:
    """Minor units of an amount of two places."""
    return int(amount.scaleb(2).to_integral_value())


def shown(entity: str, body: str, balance: int | None) -> str:
    """A record's JSON with what changes without a new version of it: what a customer owes."""
    if entity != "Customer":
        return body
    owed = f"{Decimal(balance or 0).scaleb(-2):f}"
    return f'{body[:-1]},"Balance":{owed},"BalanceWithJobs":{owed}}}'


def _minor(amount: Decimal | None) -> int | None:
    return None if amount is None else minor(amount)


def _first(body: JsonObject, names: Sequence[str]) -> str | None:
    return next((body[name] for name in names if body.get(name)), None)


def _reference(body: JsonObject, name: str) -> str | None:
    found = body.get(name)
    return None if found is None else found["value"]
