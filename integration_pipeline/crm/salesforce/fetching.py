"""Records by id, in as few calls as they can be had.

A composite call holds five queries, so all that a deal needs costs one call, whatever of it is asked for.

Belongs here: which ids go into which query and call. Does not belong here: what changed when (`source`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from integration_pipeline.crm.records import CrmRecord, Wanted
from integration_pipeline.crm.salesforce.answers import Found, read_record
from integration_pipeline.crm.salesforce.api import SalesforceApi
from integration_pipeline.crm.salesforce.config import IDS_IN_A_QUERY, OBJECTS, QUERIES_IN_A_CALL
from integration_pipeline.crm.salesforce.soql import by_ids, is_id
from integration_pipeline.crm.webhooks import EVERY_RECORD


@dataclass(frozen=True, slots=True)
class _Query:
    wanted: Wanted
    soql: str


class Fetching:
    """Fetches through `pool`, whose threads run one call each and never wait for one another."""

    def __init__(self, api: SalesforceApi, pool: Executor) -> None:
        self._api = api
        self._pool = pool

    def fetch(self, wanted: Sequence[Wanted]) -> list[CrmRecord]:
        """The records, deleted ones included (without links); unknown ids are absent.

        A record that was merged into another one comes as deleted, and the other one comes along.
        """
        asked_and_found = self._read(wanted)
        records = [found.record for _, found in asked_and_found]
        known = {(record.object_type, record.external_id) for record in records}
        survivors: list[Wanted] = []
        for each in wanted:
            merged = {
                found.survivor
                for asked, found in asked_and_found
                if asked.object_type is each.object_type and found.survivor is not None
            }
            ids = sorted(one for one in merged if (each.object_type, one) not in known)
            if ids:
                survivors.append(replace(each, ids=ids))
        # Only once: a survivor that was merged in its turn is deleted, and its own event tells of it.
        return records + [found.record for _, found in self._read(survivors)]

    def _read(self, wanted: Sequence[Wanted]) -> list[tuple[Wanted, Found]]:
        queries = [query for each in wanted for query in _queries(each)]
        calls = [
            queries[start : start + QUERIES_IN_A_CALL] for start in range(0, len(queries), QUERIES_IN_A_CALL)
        ]
        if len(calls) <= 1:
            return [found for call in calls for found in self._call(call)]
        return [found for answers in self._pool.map(self._call, calls) for found in answers]

    def _call(self, queries: Sequence[_Query]) -> list[tuple[Wanted, Found]]:
        operation = "+".join(sorted({query.wanted.object_type.value for query in queries}))
        answers = self._api.together([query.soql for query in queries], operation=f"{operation}.fetch")
        found: list[tuple[Wanted, Found]] = []
        for query, records in zip(queries, answers, strict=True):
            wanted = query.wanted
            for each in records:
                read = read_record(each, wanted.object_type, wanted.properties)
                if not wanted.with_links:
                    read = replace(read, record=replace(read.record, associations={}))
                found.append((wanted, read))
        return found


def _queries(wanted: Wanted) -> list[_Query]:
    if EVERY_RECORD in wanted.ids:
        raise ValueError(f"all records of {wanted.object_type} cannot be fetched; read what changed")
    if wanted.object_type not in OBJECTS:
        raise ValueError(
            f"Salesforce has no object for {wanted.object_type.value!r}; read owners with owners()"
        )
    # What is no id at all is unknown to Salesforce, too; asked for, it would spoil the whole query.
    ids = [each for each in dict.fromkeys(wanted.ids) if is_id(each)]
    return [
        _Query(
            wanted,
            by_ids(
                wanted.object_type,
                wanted.properties,
                ids[start : start + IDS_IN_A_QUERY],
                with_links=wanted.with_links,
            ),
        )
        for start in range(0, len(ids), IDS_IN_A_QUERY)
    ]
