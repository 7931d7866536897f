"""Answers to queries: rows in pages, with the records they refer to and their children.

Which rows is `compiler`, what of them is `projection`. A query's rows are settled when it is asked; what they
hold is read page by page, as Salesforce's cursors do.
"""

from __future__ import annotations

import csv
import io
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.salesforce.errors import SalesforceError, refused
from integration_pipeline.sandbox.salesforce.ids import new_id
from integration_pipeline.sandbox.salesforce.records.store import Record, Store
from integration_pipeline.sandbox.salesforce.records.values import in_csv, shown
from integration_pipeline.sandbox.salesforce.rendering import JsonObject, Value
from integration_pipeline.sandbox.salesforce.schema.catalogue import Catalogue
from integration_pipeline.sandbox.salesforce.schema.fields import Field
from integration_pipeline.sandbox.salesforce.soql.compiler import Compiler
from integration_pipeline.sandbox.salesforce.soql.parser import parse
from integration_pipeline.sandbox.salesforce.soql.projection import (
    Children,
    Parent,
    Selection,
    columns,
    object_of,
    select,
)

PAGE = 2_000
_CHILDREN_AT_ONCE = 200
_PARENTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query means: the ids of its rows in order, and what is shown of each."""

    ids: tuple[str, ...]
    selection: Selection
    deleted: bool
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a bulk job writes its CSV."""

    delimiter: str = ","
    line_ending: str = "\n"


class Queries:
    """Queries of one org. `most_open` cursors are kept, the oldest is forgotten for the next."""

    def __init__(self, catalogue: Catalogue, store: Store, clock: SandboxClock, most_open: int) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._most_open = most_open
        self._open: OrderedDict[str, Rows] = OrderedDict()
        self._numbers = 0

    def ask(self, text: str, *, deleted: bool) -> Rows:
        """Find the rows of a query. Raises the 400s of one that is wrong."""
        query = parse(text)
        kind = object_of(self._catalogue, query.source)
        selection = select(self._catalogue, kind, query)
        statement = Compiler(self._catalogue, self._clock, deleted=deleted).ids(kind, query)
        rows = self._store.file.rows(statement.sql, statement.parameters)
        return Rows(tuple(row[0] for row in rows), selection, deleted, query.counts)

    def answer(self, rows: Rows, root: str, size: int) -> JsonObject:
        """The first page of a query's answer; `root` is `/services/data/v67.0`."""
        if rows.counts:
            return {"totalSize": len(rows.ids), "done": True, "records": []}
        return self._page(rows, 0, root, size, None)

    def more(self, locator: str, root: str, size: int) -> JsonObject:
        """A later page: `01g…-2000`. Raises the 400 of a cursor that is not known (any more)."""
        name, _, at = locator.rpartition("-")
        rows = self._open.get(name)
        if rows is None or not at.isdigit() or not 0 < int(at) < len(rows.ids):
            raise _unknown_cursor()
        self._open.move_to_end(name)
        return self._page(rows, int(at), root, size, name)

    def as_csv(self, rows: Rows, start: int, size: int, dialect: Dialect) -> tuple[str, int]:
        """Rows from `start` on as CSV with a header, every value in quotes; and how many there are in it.

        Raises ValueError if the query selects children.
        """
        wanted = list(columns(rows.selection))
        ids = rows.ids[start : start + size]
        records = self._store.many(ids)
        text = io.StringIO()
        writer = csv.writer(
            text, quoting=csv.QUOTE_ALL, delimiter=dialect.delimiter, lineterminator=dialect.line_ending
        )
        writer.writerow([header for header, _, _ in wanted])
        found = [records[each] for each in ids if each in records]
        for record in found:
            writer.writerow([self._cell(record, way, field) for _, way, field in wanted])
        return text.getvalue(), len(found)

    def forget(self) -> None:
        """Close all cursors."""
        self._open.clear()

    def _page(self, rows: Rows, start: int, root: str, size: int, name: str | None) -> JsonObject:
        ids = rows.ids[start : start + size]
        records = self._store.many(ids)
        shown_rows, taken = self._shown(
            [records[each] for each in ids if each in records], rows.selection, root, rows.deleted, size
        )
        after = start + (taken if taken < len(records) else len(ids))
        page: dict[str, Value] = {"totalSize": len(rows.ids), "done": after >= len(rows.ids)}
        if after < len(rows.ids):
            page["nextRecordsUrl"] = f"{root}/query/{name or self._opened(rows)}-{after}"
        page["records"] = shown_rows
        return page

    def _opened(self, rows: Rows) -> str:
        self._numbers += 1
        name = new_id("01g", self._numbers)
        self._open[name] = rows
        while len(self._open) > self._most_open:
            self._open.popitem(last=False)
        return name

    def _shown(
        self, records: Sequence[Record], selection: Selection, root: str, deleted: bool, size: int
    ) -> tuple[list[JsonObject], int]:
        """Records as JSON, and how many: children count towards a page's size, so there may be fewer."""
        children: dict[str, dict[str, list[Record]]] = {
            name: self._children(records, member, deleted)
            for name, member in selection.members.items()
            if isinstance(member, Children)
        }
        taken, weight = 0, 0
        for record in records:
            weight += 1 + sum(len(found.get(record.id, ())) for found in children.values())
            if taken and weight > size:
                break
            taken += 1
        records = records[:taken]
        parents = {
            name: self._parents(records, member)
            for name, member in selection.members.items()
            if isinstance(member, Parent)
        }
        return [self._record(each, selection, children, parents, root, deleted) for each in records], taken

    def _record(
        self,
        record: Record,
        selection: Selection,
        children: Mapping[str, Mapping[str, list[Record]]],
        parents: Mapping[str, Mapping[str, Record]],
        root: str,
        deleted: bool,
    ) -> JsonObject:
        said: dict[str, Value] = {"attributes": attributes(record, root)}
        for name, member in selection.members.items():
            match member:
                case Field():
                    said[name] = shown(member, record)
                case Parent():
                    parent = parents[name].get(record.text(member.reference.name) or "")
                    said[name] = (
                        None
                        if parent is None
                        else self._shown([parent], member.selection, root, deleted, PAGE)[0][0]
                    )
                case Children():
                    found = children[name].get(record.id, [])
                    said[name] = self._nested(found, member.selection, root, deleted) if found else None
        return said

    def _nested(self, found: list[Record], selection: Selection, root: str, deleted: bool) -> JsonObject:
        rows = Rows(tuple(each.id for each in found), selection, deleted)
        return self._page(rows, 0, root, _CHILDREN_AT_ONCE, None)

    def _children(
        self, records: Sequence[Record], member: Children, deleted: bool
    ) -> dict[str, list[Record]]:
        by_parent: dict[str, list[str]] = defaultdict(list)
        ids = [each.id for each in records]
        for start in range(0, len(ids), _PARENTS_AT_ONCE):
            some = ids[start : start + _PARENTS_AT_ONCE]
            compiler = Compiler(self._catalogue, self._clock, deleted=deleted)
            statement = compiler.ids(member.selection.kind, member.query, (member.relation.reference, some))
            for child, parent in self._store.file.rows(statement.sql, statement.parameters):
                by_parent[parent].append(child)
        first, last = member.query.offset, None
        if member.query.limit is not None:
            last = first + member.query.limit
        chosen = {parent: found[first:last] for parent, found in by_parent.items()}
        known = self._store.many([each for found in chosen.values() for each in found])
        return {parent: [known[each] for each in found] for parent, found in chosen.items()}

    def _parents(self, records: Sequence[Record], member: Parent) -> dict[str, Record]:
        wanted = {record.text(member.reference.name) for record in records} - {None}
        return self._store.many(sorted(each for each in wanted if each is not None))

    def _cell(self, record: Record, way: Sequence[Field], field: Field) -> str:
        found: Record | None = record
        for reference in way:
            found = None if found is None else self._store.get(found.text(reference.name) or "")
        return "" if found is None else in_csv(field, found)


def attributes(record: Record, root: str) -> JsonObject:
    return {"type": record.type, "url": f"{root}/sobjects/{record.type}/{record.id}"}


def _unknown_cursor() -> SalesforceError:
    return refused("INVALID_QUERY_LOCATOR", "invalid query locator")
