"""Reading certain records with all they refer to, in as few rounds of calls as possible.

Belongs here: what is read in which round, and what `raw` holds already. Does not belong here: landing and
reports (`extract`), how a connector makes a call of it.

Two rounds at most, as a rule: the deals, then everything they refer to. What `raw` says they refer to is read
along with them if all of them are known, and is mostly all there is. Only the company of a contact that was
not known takes a third round.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeAlias

from sqlalchemy import text

from integration_pipeline.crm.records import Association, CrmRecord, ObjectType, Wanted
from integration_pipeline.crm.source import Source
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.landing import associations_of

Ref: TypeAlias = tuple[ObjectType, str]
"""A record's type and its id in the CRM."""

# What a deal, or a contact, cannot be billed without.
_FOLLOWED: Mapping[ObjectType, tuple[ObjectType, ...]] = {
    ObjectType.DEAL: (ObjectType.COMPANY, ObjectType.CONTACT, ObjectType.LINE_ITEM),
    ObjectType.CONTACT: (ObjectType.COMPANY,),
}


@dataclass(frozen=True, slots=True)
class Known:
    """The newest version in `raw`. A fresh one need not be read again."""

    archived: bool
    fresh: bool
    links: Mapping[ObjectType, tuple[Association, ...]]


@dataclass(slots=True)
class Rounds:
    """One reading; `read` fills up. `related_max_age`: how long what is known of companies and contacts is
    taken for what they are (`extract_records`).
    """

    pipeline: Pipeline
    source: Source
    related_max_age: timedelta
    read: dict[Ref, CrmRecord] = field(default_factory=dict[Ref, CrmRecord])
    _known: dict[Ref, Known | None] = field(default_factory=dict[Ref, Known | None])
    _asked: set[Ref] = field(default_factory=set[Ref])

    def run(self, wanted: Iterable[Ref]) -> None:
        """Read the wanted records; of deals all they refer to; of line items their deals with all of that."""
        due = set(wanted)
        with_links = due.copy()
        due |= self._foreseen(due)
        while due:
            self._ask(due, with_links)
            due = self._due(self._referred(with_links))
        self._tell_line_items_their_deals(with_links)

    def _foreseen(self, wanted: set[Ref]) -> set[Ref]:
        """What the wanted records will turn out to refer to, if `raw` knows every one of them."""
        self._learn(ref for ref in wanted if ref[0] in (ObjectType.DEAL, ObjectType.LINE_ITEM))
        items = [ref for ref in wanted if ref[0] is ObjectType.LINE_ITEM]
        deals = {ref for ref in wanted if ref[0] is ObjectType.DEAL}
        deals |= {deal for item in items for deal in self._links_known(item, (ObjectType.DEAL,))}
        self._learn(deals)
        if any(self._known[ref] is None for ref in (*items, *deals)):
            return set()
        return self._due(deals | set(self._follow(deals, {})))

    def _referred(self, with_links: set[Ref]) -> set[Ref]:
        deals = {ref for ref in self.read if ref[0] is ObjectType.DEAL}
        deals |= {
            (ObjectType.DEAL, link.external_id)
            for ref in with_links
            if ref[0] is ObjectType.LINE_ITEM and ref in self.read
            for link in self.read[ref].associations.get(ObjectType.DEAL, ())
        }
        contacts = {ref for ref in with_links if ref[0] is ObjectType.CONTACT}
        related = {ref for each in deals | contacts for ref in self._links_read(each)}
        self._learn(related)
        return deals | related | set(self._follow(related, self.read))

    def _due(self, refs: set[Ref]) -> set[Ref]:
        return {ref for ref in refs - self._asked if not ((known := self._known.get(ref)) and known.fresh)}

    def _follow(self, refs: Iterable[Ref], read: Mapping[Ref, CrmRecord]) -> Iterator[Ref]:
        """What deals and contacts refer to, and what that refers to; as read, or else as known."""
        for ref in refs:
            kinds = _FOLLOWED.get(ref[0], ())
            found = self._links_read(ref) if ref in read else self._links_known(ref, kinds)
            yield from found
            yield from self._follow(found, read)

    def _links_read(self, ref: Ref) -> list[Ref]:
        kinds = _FOLLOWED.get(ref[0], ())
        if ref not in self.read:
            return []
        links = self.read[ref].associations
        return [(kind, link.external_id) for kind in kinds for link in links.get(kind, ())]

    def _links_known(self, ref: Ref, kinds: Iterable[ObjectType]) -> list[Ref]:
        known = self._known.get(ref)
        if known is None:
            return []
        return [(kind, link.external_id) for kind in kinds for link in known.links.get(kind, ())]

    def _ask(self, due: set[Ref], with_links: set[Ref]) -> None:
        self._asked |= due
        groups: dict[tuple[ObjectType, bool], list[str]] = defaultdict(list)
        for ref in sorted(due):
            # Who a line item belongs to is known from the deal that names it.
            groups[ref[0], ref[0] is not ObjectType.LINE_ITEM or ref in with_links].append(ref[1])
        self._fetch(
            Wanted(kind, ids, self.pipeline.mapping.properties(kind), linked)
            for (kind, linked), ids in groups.items()
        )

    def _fetch(self, wanted: Iterable[Wanted]) -> None:
        for record in self.source.fetch_together(list(wanted)):
            ref = (record.object_type, record.external_id)
            if ref not in self.read or record.modified_at >= self.read[ref].modified_at:
                self.read[ref] = record

    def _tell_line_items_their_deals(self, with_links: set[Ref]) -> None:
        """Give line items the links that asking for them would have given, or ask where that is not sure.

        A line item belongs to one deal. One that `raw` links to the deal that names it keeps those links,
        whatever they are, so that no version differs by the way it was read.
        """
        named_by: dict[Ref, list[Association]] = defaultdict(list)
        for (kind, identifier), deal in self.read.items():
            if kind is ObjectType.DEAL:
                for link in deal.associations.get(ObjectType.LINE_ITEM, ()):
                    back = Association(identifier, link.labels)
                    named_by[ObjectType.LINE_ITEM, link.external_id].append(back)
        unsure: list[str] = []
        for ref in [ref for ref in self.read if ref[0] is ObjectType.LINE_ITEM and ref not in with_links]:
            record = self.read[ref]
            if record.archived:
                continue
            deals, known = named_by[ref], self._known.get(ref)
            before = known.links.get(ObjectType.DEAL, ()) if known else ()
            if not deals:
                # Foreseen, but its deal has let go of it: it is nobody's concern here.
                del self.read[ref]
            elif {link.external_id for link in deals} <= {link.external_id for link in before}:
                self.read[ref] = replace(record, associations={ObjectType.DEAL: before})
            elif known is None and not any(link.labels for link in deals):
                self.read[ref] = replace(record, associations={ObjectType.DEAL: tuple(deals)})
            else:
                unsure.append(ref[1])
        if unsure:
            properties = self.pipeline.mapping.properties(ObjectType.LINE_ITEM)
            self._fetch([Wanted(ObjectType.LINE_ITEM, unsure, properties)])

    def _learn(self, refs: Iterable[Ref]) -> None:
        """Look up what `raw` holds of these records, and of what their deals and contacts are linked to."""
        new = [ref for ref in refs if ref not in self._known]
        if not new:
            return
        self._known.update(dict.fromkeys(new))
        properties = {
            kind.value: self.pipeline.mapping.properties(kind) for kind in _FOLLOWED[ObjectType.DEAL]
        }
        parameters = {
            "source": self.source.name,
            "refs": json.dumps([{"object_type": kind, "external_id": each} for kind, each in new]),
            "properties": json.dumps(properties),
            "max_age": self.related_max_age.total_seconds(),
        }
        # One statement needs no transaction, whose beginning and end are two more trips to the server.
        with self.pipeline.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for row in connection.execute(text(_KNOWN), parameters):
                ref = (ObjectType(row.object_type), row.external_id)
                self._known[ref] = Known(row.archived, row.fresh, associations_of(row.associations))


# Fresh: a company or contact that landed, or whose type was read to the end, within the time, with every
# property that is read today.
# OFFSET 0: PostgreSQL expects more rows than there are and would read all heads for a few of them.
_KNOWN = """
    WITH RECURSIVE reached AS (
        SELECT given.object_type, given.external_id
        FROM jsonb_to_recordset(CAST(:refs AS jsonb)) AS given (object_type text, external_id text)
        UNION
        SELECT linked.object_type, linked.external_id
        FROM reached
        INNER JOIN raw.heads AS head
            ON head.source = :source AND head.object_type = reached.object_type
            AND head.external_id = reached.external_id
        INNER JOIN raw.records AS record ON record.id = head.record_id
        CROSS JOIN LATERAL raw.linked_records(record.associations) AS linked
        WHERE reached.object_type IN ('deal', 'contact')
    )
    SELECT
        reached.object_type, reached.external_id, record.archived, record.associations,
        reached.object_type IN ('company', 'contact')
        AND NOT record.archived
        AND record.properties ?& asked.properties
        AND extract(epoch FROM clock_timestamp() - greatest(head.read_at, cursor.updated_at)) < :max_age
            AS fresh
    FROM reached
    CROSS JOIN LATERAL (
        SELECT heads.record_id, heads.read_at FROM raw.heads
        WHERE heads.source = :source AND heads.object_type = reached.object_type
            AND heads.external_id = reached.external_id
        OFFSET 0
    ) AS head
    INNER JOIN raw.records AS record ON record.id = head.record_id
    CROSS JOIN LATERAL (
        SELECT ARRAY(
            SELECT jsonb_array_elements_text(CAST(:properties AS jsonb) -> reached.object_type)
        ) AS properties
    ) AS asked
    LEFT JOIN ops.cursors AS cursor
        ON cursor.source = :source AND cursor.object_type = reached.object_type
        AND cursor.properties @> asked.properties
"""
