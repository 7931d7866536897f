"""Records by id, in as few calls as they can be had, all of which go out together.

Belongs here: whether records are asked for one by one or in a batch, and what became of ids that were not
found. Does not belong here: what changed when (`source`), single calls (`api`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import TypeAlias
from urllib.parse import quote

from integration_pipeline.crm.hubspot.api import HubSpotApi
from integration_pipeline.crm.hubspot.config import BATCH_READ, LONGEST_PROPERTY_LIST, TARGETS
from integration_pipeline.crm.records import Association, CrmRecord, ObjectType, Wanted

Links: TypeAlias = dict[str, tuple[Association, ...]]


@dataclass(frozen=True, slots=True)
class _Reading:
    """Calls under way for some ids: whole records, or records and their links apart."""

    ids: Sequence[str]
    records: Future[list[CrmRecord]]
    links: Mapping[ObjectType, Future[Links]]


class Fetching:
    """Fetches through `pool`, whose threads run one call each and never wait for one another."""

    def __init__(self, api: HubSpotApi, pool: Executor) -> None:
        self._api = api
        self._pool = pool

    def fetch(self, wanted: Sequence[Wanted]) -> list[CrmRecord]:
        """The records, archived ones included (without associations); unknown ids are absent.

        HubSpot answers the id of a record that was merged into another with that other one: it comes under
        its own id, complete.
        """
        records: list[CrmRecord] = []
        others: list[Wanted] = []
        for each, readings in [(each, self._submit(each)) for each in wanted]:
            asked = set(each.ids)
            found = [record for reading in readings for record in _joined_reading(reading)]
            records += [record for record in found if record.external_id in asked]
            surviving = {record.external_id for record in found} - asked
            if surviving:
                others.append(replace(each, ids=sorted(surviving)))
        for each in others:
            # Only once: whoever answers with yet another id would be asked for ever.
            asked = set(each.ids)
            found = [record for reading in self._submit(each) for record in _joined_reading(reading)]
            records += [record for record in found if record.external_id in asked]
        return records

    def links(self, kind: ObjectType, ids: Sequence[str]) -> dict[ObjectType, Future[Links]]:
        """All links of up to 1,000 records, a call for each type of target."""
        targets = TARGETS.get(kind, ())
        return {target: self._pool.submit(self._api.associations, kind, target, ids) for target in targets}

    def _submit(self, wanted: Wanted) -> list[_Reading]:
        ids = list(dict.fromkeys(wanted.ids))
        if _singly(wanted, ids):
            return [_Reading([each], self._pool.submit(self._one, wanted, each), {}) for each in ids]
        chunks = [ids[start : start + BATCH_READ] for start in range(0, len(ids), BATCH_READ)]
        return [
            _Reading(
                chunk,
                self._pool.submit(self._batch, wanted, chunk),
                self.links(wanted.object_type, chunk) if wanted.with_links else {},
            )
            for chunk in chunks
        ]

    def _batch(self, wanted: Wanted, ids: Sequence[str]) -> list[CrmRecord]:
        found = self._api.batch_read(wanted.object_type, ids, wanted.properties)
        present = {record.external_id for record in found}
        absent = [each for each in ids if each not in present]
        return found + self._archived(wanted, absent) if absent else found

    def _archived(self, wanted: Wanted, ids: Sequence[str]) -> list[CrmRecord]:
        found = self._api.batch_read(wanted.object_type, ids, wanted.properties, archived=True)
        return [record for record in found if record.external_id in ids]

    def _one(self, wanted: Wanted, identifier: str) -> list[CrmRecord]:
        kind = wanted.object_type
        targets = TARGETS[kind]
        read = self._api.read_one(kind, identifier, wanted.properties, targets)
        if read is None:
            return self._archived(wanted, [identifier])
        record, embedded = read
        links: dict[ObjectType, tuple[Association, ...]] = {}
        for target, known in embedded.items():
            if known is None:
                known = self._api.associations(kind, target, [record.external_id])[record.external_id]
            if known:
                links[target] = known
        return [replace(record, associations=links)]


def joined(records: Iterable[CrmRecord], links: Mapping[ObjectType, Future[Links]]) -> list[CrmRecord]:
    """The records with the links that were read beside them."""
    found = {target: future.result() for target, future in links.items()}
    return [
        replace(
            record,
            associations={
                target: by_id[record.external_id]
                for target, by_id in found.items()
                if by_id.get(record.external_id)
            },
        )
        for record in records
    ]


def _joined_reading(reading: _Reading) -> list[CrmRecord]:
    found = reading.records.result()
    return joined(found, reading.links) if reading.links else found


def _singly(wanted: Wanted, ids: Sequence[str]) -> bool:
    """A batch costs a call for the records and one for each type of target, a single record one in all."""
    if not wanted.with_links or len(ids) > len(TARGETS.get(wanted.object_type, ())):
        return False
    return len(quote(",".join(wanted.properties))) <= LONGEST_PROPERTY_LIST
