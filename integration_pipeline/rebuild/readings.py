"""Reading deals again, from what was seen at the time.

A moment says what had landed, but not what another process had not committed yet. Where a deal reads
otherwise than it did, what landed in the seconds before is taken away bit by bit, the newest first, and its
customer gets the name that was seen. What then still differs does not follow from raw records.

Belongs here: the stage that reads deals, and these second looks. Does not belong here: the other stages
(`replay`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from integration_pipeline.rebuild.scratch import Scratch
from integration_pipeline.rebuild.work import DealWork

_LONGEST_TRANSACTION = timedelta(seconds=10)
_MOST_LOOKS = 20


@dataclass(frozen=True, slots=True)
class Customers:
    """Customers of the scratch database; `names` are those that raw records ever gave each, by its id."""

    scratch: Scratch
    names: Mapping[int, set[str]]

    @contextmanager
    def named(self, seen: Mapping[int, str]) -> Generator[None]:
        """For the block, customers have the names that were seen, if a raw record ever gave them these."""
        given = [
            {"id": customer, "name": name}
            for customer, name in seen.items()
            if name in self.names.get(customer, ())
        ]
        with self.scratch.engine.begin() as connection:
            before = connection.execute(text(_RENAME), {"names": json.dumps(given)}).mappings().all()
        try:
            yield
        finally:
            if before:
                former = {"names": json.dumps([dict(row) for row in before])}
                with self.scratch.engine.begin() as connection:
                    connection.execute(text(_RENAME), former)


@dataclass(frozen=True, slots=True)
class Readings:
    """Reads deals by `stage`, which reads all it is given."""

    scratch: Scratch
    customers: Customers
    stage: Callable[[Sequence[DealWork]], None]

    def read(self, works: Sequence[DealWork]) -> None:
        """Read the deals, and those again that come out otherwise than recorded."""
        self.stage(works)
        unlike = self._unlike(works)
        for work in works:
            if work.deal_key in unlike:
                self._look_again(work)

    def _look_again(self, work: DealWork) -> None:
        result = work.result
        if result is None:
            return
        names: dict[int, str] = {}
        if result.customer_id is not None and result.company_name is not None:
            names[result.customer_id] = result.company_name
        taken_away: list[int] = []
        with self.customers.named(names):
            for _ in range(_MOST_LOOKS):
                with self.scratch.engine.begin() as connection:
                    known = {"deal_key": work.deal_key, "keep": result.version - result.is_new}
                    connection.execute(text(_FORGET), known)
                    connection.execute(text(_FORGET_HEAD), known)
                    connection.execute(text(_FORGET_VERSIONS), known)
                self.stage([work])
                if not self._unlike([work]) or (away := self._take_away(work)) is None:
                    break
                taken_away.append(away)
        with self.scratch.engine.begin() as connection:
            connection.execute(text(_BRING_BACK), {"ids": taken_away})

    def _take_away(self, work: DealWork) -> int | None:
        """Make the newest version of a part of the deal unseen; its id, None if there is none so new."""
        since = work.when.at - _LONGEST_TRANSACTION
        with self.scratch.engine.begin() as connection:
            newest = connection.execute(
                text(_NEWEST_PART), {"deal_key": work.deal_key, "since": since}
            ).one_or_none()
            if newest is None:
                return None
            connection.execute(text(_STEP_BACK), {"id": newest.id, "before": newest.follows_id})
            connection.execute(text(_NOT_THERE), {"id": newest.id})
            return newest.id

    def _unlike(self, works: Sequence[DealWork]) -> set[str]:
        expected = [
            {"deal_key": work.deal_key, "version": result.version, "hash": result.content_hash}
            for work in works
            if (result := work.result) is not None
        ]
        with self.scratch.engine.begin() as connection:
            return set(connection.execute(text(_UNLIKE), {"expected": json.dumps(expected)}).scalars())


_UNLIKE = """
    SELECT given.deal_key
    FROM jsonb_to_recordset(CAST(:expected AS jsonb)) AS given (deal_key text, version integer, hash text)
    LEFT JOIN crm.current_deals AS deal ON deal.deal_key = given.deal_key
    WHERE (deal.version, deal.content_hash) IS DISTINCT FROM (given.version, given.hash)
"""
# As if the deal had been read up to version `keep`, and its records had changed since.
_FORGET = """
    UPDATE crm.deal_heads AS head SET deal_id = kept.id, inputs_hash = '', close_month = kept.close_month
    FROM crm.deals AS kept
    WHERE head.deal_key = :deal_key AND kept.deal_key = :deal_key AND kept.version = :keep
"""
_FORGET_HEAD = "DELETE FROM crm.deal_heads WHERE deal_key = :deal_key AND :keep = 0"
_FORGET_VERSIONS = "DELETE FROM crm.deals WHERE deal_key = :deal_key AND version > :keep"
_NEWEST_PART = """
    SELECT part.id, part.follows_id
    FROM raw.heads AS head
    INNER JOIN raw.records AS deal ON deal.id = head.record_id
    CROSS JOIN LATERAL raw.linked_records(deal.associations) AS linked
    INNER JOIN raw.heads AS newest
        ON newest.source = head.source AND newest.object_type = linked.object_type
        AND newest.external_id = linked.external_id
    INNER JOIN raw.records AS part ON part.id = newest.record_id
    WHERE head.object_type = 'deal' AND head.source || ':' || head.external_id = :deal_key
        AND linked.object_type NOT IN ('company', 'contact') AND part.received_at > :since
    ORDER BY part.received_at DESC, part.id DESC
    LIMIT 1
"""
_STEP_BACK = """
    UPDATE raw.heads SET record_id = :before
    WHERE record_id = :id AND EXISTS (SELECT FROM raw.records WHERE id = :before)
"""
_NOT_THERE = "DELETE FROM raw.heads WHERE record_id = :id"
_BRING_BACK = """
    INSERT INTO raw.heads (source, object_type, external_id, record_id, modified_at)
    SELECT DISTINCT ON (source, object_type, external_id)
        source, object_type, external_id, id, modified_at
    FROM raw.records
    WHERE id = ANY(CAST(:ids AS bigint[]))
    ORDER BY source, object_type, external_id, id DESC
    ON CONFLICT (source, object_type, external_id) DO UPDATE
    SET record_id = excluded.record_id, modified_at = excluded.modified_at
"""
_RENAME = """
    UPDATE crm.customers AS customer SET name = given.name
    FROM jsonb_to_recordset(CAST(:names AS jsonb)) AS given (id bigint, name text)
    INNER JOIN crm.customers AS before ON before.id = given.id
    WHERE customer.id = given.id AND customer.name <> given.name
    RETURNING customer.id, before.name
"""
