"""Creating, changing and deleting records under the rules every object has.

What opportunities and their products follow from one another is `opportunities`; single values are `values`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.salesforce.errors import (
    Problem,
    SalesforceError,
    entity_deleted,
    invalid_value,
    not_found,
    refused,
)
from integration_pipeline.sandbox.salesforce.ids import known_form
from integration_pipeline.sandbox.salesforce.records.changes import Action, Change
from integration_pipeline.sandbox.salesforce.records.opportunities import Opportunities
from integration_pipeline.sandbox.salesforce.records.store import Record, Store, Stored
from integration_pipeline.sandbox.salesforce.records.values import Given, kept
from integration_pipeline.sandbox.salesforce.schema.catalogue import Catalogue
from integration_pipeline.sandbox.salesforce.schema.fields import Field, FieldType, SObject

Body = Mapping[str, Given]


class Writer:
    """Writes records of one org; what changed since it was last asked is in `taken`.

    `user` is the id of the user whose session writes; `currency` is the org's own, None with but one.
    """

    def __init__(self, catalogue: Catalogue, store: Store, clock: SandboxClock) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._changes: list[Change] = []
        self._opportunities = Opportunities(store, self._write)
        self.user = ""
        self.currency: str | None = None

    @contextmanager
    def attempt(self) -> Generator[None]:
        """All that is written in it, or nothing."""
        before = len(self._changes)
        try:
            with self._store.file.transaction():
                yield
        except BaseException:
            del self._changes[before:]
            raise

    def taken(self) -> list[Change]:
        """The changes since this was last asked, in order."""
        taken, self._changes = self._changes, []
        return taken

    def create(self, kind: SObject, given: Body, *, system: bool = False) -> Record:
        """A new record. With `system` also fields may be given that no request may write."""
        values = self._values(kind, given, "create", system=system)
        missing = [
            each.name for each in kind.fields.values() if each.required and values.get(each.name) is None
        ]
        if missing:
            raise invalid_value(
                "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing
            )
        now = self._now()
        defaults: dict[str, Stored] = {"CreatedById": self.user, "LastModifiedById": self.user}
        if "OwnerId" in kind.fields:
            defaults["OwnerId"] = self.user
        if "CurrencyIsoCode" in kind.fields and self.currency is not None:
            defaults["CurrencyIsoCode"] = self.currency
        record = Record(self._store.new_id(kind), kind.name, now, now, now, False, {}).having(
            {**defaults, **values}
        )
        record = self._completed(kind, record, values, None)
        self._require_unique(kind, record, values)
        self._write(Change(Action.CREATE, record, tuple(record.body)))
        self._opportunities.follow(record)
        return record

    def update(self, kind: SObject, record_id: str, given: Body) -> Record:
        before = self.existing(kind, record_id)
        values = self._values(kind, given, "update")
        empty = [name for name, value in values.items() if value is None and kind.fields[name].required]
        if empty:
            raise invalid_value(
                "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(empty)}]", *empty
            )
        now = self._now()
        after = replace(before, modified_ms=now, stamp_ms=now).having(
            {**values, "LastModifiedById": self.user}
        )
        after = self._completed(kind, after, values, before)
        self._require_unique(kind, after, values)
        names = {*before.body, *after.body}
        changed = tuple(sorted(each for each in names if before.body.get(each) != after.body.get(each)))
        self._write(Change(Action.UPDATE, after, changed))
        self._opportunities.follow(after)
        return after

    def delete(self, kind: SObject, record_id: str) -> None:
        """To the recycle bin, with everything that goes along."""
        record = self.existing(kind, record_id)
        now = self._now()
        gone = replace(record, deleted=True, modified_ms=now, stamp_ms=now)
        self._write(Change(Action.DELETE, gone))
        self._store.log_deletion(gone)
        for relation in kind.children:
            if relation.cascades:
                for child in self._store.holding(relation.child, relation.reference, record.id):
                    self.delete(self._catalogue.named(relation.child), child.id)
        self._opportunities.follow(gone)

    def undelete(self, record_id: str) -> Record:
        """Back from the recycle bin. Raises a 404 for what is not in it."""
        record = self._store.get(record_id)
        if record is None or not record.deleted:
            raise not_found()
        now = self._now()
        back = replace(record, deleted=False, modified_ms=now, stamp_ms=now)
        self._write(Change(Action.UNDELETE, back))
        self._opportunities.follow(back)
        return back

    def merge(self, kind: SObject, master_id: str, other_id: str) -> None:
        """`other` goes to the recycle bin, and what referred to it refers to `master`.

        Of those only the system's own modification time changes.
        """
        master, other = self.existing(kind, master_id), self.existing(kind, other_id)
        now = self._now()
        for relation in kind.children:
            for child in self._store.holding(relation.child, relation.reference, other.id):
                moved = replace(child, stamp_ms=now).having({relation.reference: master.id})
                self._write(Change(Action.UPDATE, moved, (relation.reference,)))
        gone = replace(other, deleted=True, modified_ms=now, stamp_ms=now)
        gone = gone.having({"MasterRecordId": master.id})
        self._write(Change(Action.DELETE, gone))
        self._store.log_deletion(gone)
        self._write(Change(Action.UPDATE, replace(master, modified_ms=now, stamp_ms=now)))

    def existing(self, kind: SObject, record_id: str) -> Record:
        """A record that is not deleted. Raises the 404s."""
        known = known_form(record_id)
        record = self._store.get(known) if known is not None else None
        if record is None or record.type != kind.name:
            raise not_found()
        if record.deleted:
            raise entity_deleted()
        return record

    def _write(self, change: Change) -> None:
        self._store.save(change.record)
        self._changes.append(change)

    def _now(self) -> int:
        now = self._clock.now_ms()
        return now - now % 1_000

    def _completed(
        self, kind: SObject, record: Record, given: Mapping[str, Stored], before: Record | None
    ) -> Record:
        if "FirstName" in kind.fields:
            parts = (record.text("FirstName"), record.text("LastName"))
            record = record.having({"Name": " ".join(part for part in parts if part)})
        if kind.name == "PricebookEntry":
            product = self._store.get(record.text("Product2Id") or "")
            if product is not None:
                record = record.having(
                    {"Name": product.text("Name"), "ProductCode": product.text("ProductCode")}
                )
        return self._opportunities.completed(record, given, before)

    def _values(
        self, kind: SObject, given: Body, operation: str, *, system: bool = False
    ) -> dict[str, Stored]:
        values: dict[str, Stored] = {}
        for name, value in given.items():
            if name == "attributes":
                continue
            field = kind.find(name)
            if field is None:
                raise refused("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")
            if not system and operation not in field.writes:
                raise invalid_value(
                    "INVALID_FIELD_FOR_INSERT_UPDATE",
                    f"Unable to create/update fields: {field.name}. Please check the security settings of "
                    "this field and verify that it is read/write for your profile or permission set.",
                    field.name,
                )
            stored = kept(field, value)
            if field.type is FieldType.REFERENCE and isinstance(stored, str):
                self._require_reference(field, stored)
            values[field.name] = stored
        return values

    def _require_reference(self, field: Field, stored: str) -> None:
        target = self._store.get(stored)
        if target is not None and target.type != field.refers_to:
            raise invalid_value(
                "MALFORMED_ID", f"{field.label}: id value of incorrect type: {stored}", field.name
            )
        if target is None or target.deleted:
            raise SalesforceError(
                400, Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
            )

    def _require_unique(self, kind: SObject, record: Record, given: Mapping[str, Stored]) -> None:
        for name, value in given.items():
            if not kind.fields[name].unique or not isinstance(value, str):
                continue
            for other in self._store.holding(kind.name, name, value):
                if other.id != record.id:
                    raise invalid_value(
                        "DUPLICATE_VALUE",
                        f"duplicate value found: {name} duplicates value on record with id: {other.id[:15]}",
                    )
