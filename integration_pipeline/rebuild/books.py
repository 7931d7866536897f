"""Posting again: the same documents at the same moments, so that numbers and hashes come out the same.

Belongs here: making the scratch ledger stand where the live one stood before each posting. Does not belong
here: posting itself, which is the stages' (`pipeline.post`, `pipeline.recognize`).

What could not be rebuilt leaves a gap. What was posted after it is posted with the number, and after the
entry, that it had in the live books, so that one fault is one difference and not a thousand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.accounting.postgres_ledger.proof import GENESIS
from integration_pipeline.pipeline.post import post
from integration_pipeline.pipeline.recognize import recognize
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.rebuild.calendar import PastPipeline
from integration_pipeline.rebuild.scratch import Scratch
from integration_pipeline.rebuild.work import Postings, Release


@dataclass(frozen=True, slots=True)
class Books:
    """The scratch ledger, with the pipeline as it was at a moment."""

    scratch: Scratch
    pipeline: PastPipeline

    def post(self, postings: Postings) -> list[str]:
        """Post documents that were posted together. Answers those that the ledger has not taken again."""
        ids = [row.intent_id for row in postings.documents]
        with self.scratch.engine.begin() as connection:
            ready = set(connection.execute(text(_READY), {"ids": ids}).scalars())
        for run in _without_gaps(postings.documents, ready):
            with self.scratch.engine.begin() as connection:
                self.scratch.set_clock(connection, postings.when.at)
                stand(connection, run, series=_series(run))
                connection.execute(text(_MAKE_DUE), {"ids": [row.intent_id for row in run]})
            post(self.pipeline, Scope.everything())
        with self.scratch.engine.begin() as connection:
            posted = set(connection.execute(text(_POSTED), {"ids": ids}).scalars())
        return [
            f"document {row.document_key} was posted, but cannot be posted again"
            for row in postings.documents
            if row.intent_id in ready - posted
        ]

    def release(self, release: Release) -> None:
        """Release an entity's months that were released together."""
        with self.scratch.engine.begin() as connection:
            self.scratch.set_clock(connection, release.when.at)
            stand(connection, [release])
        rules = self.pipeline.rules
        only = rules.model_copy(update={"entities": {release.entity: rules.entities[release.entity]}})
        recognize(replace(self.pipeline, rules=only), Scope.everything())


def stand(
    connection: Connection, booked: Sequence[Row[Any] | Release], *, series: Sequence[dict[str, Any]] = ()
) -> None:
    """Let chains stand before the first of these in each entity, and series before their numbers.

    What the live ledger no longer tells goes on as it is.
    """
    chains: dict[str, dict[str, Any]] = {}
    for row in booked:
        if row.sequence is not None:
            before = {"entity": row.entity, "sequence": row.sequence - 1, "hash": row.hash_before or GENESIS}
            chains.setdefault(row.entity, before)
    standing = {"chains": json.dumps(list(chains.values())), "series": json.dumps(series)}
    connection.execute(text(_STAND), standing)


def _without_gaps(documents: Sequence[Row[Any]], ready: set[int]) -> Iterator[Sequence[Row[Any]]]:
    """Runs of documents that can be posted again; where one cannot, its number stays free."""
    run: list[Row[Any]] = []
    for row in documents:
        if row.intent_id in ready:
            run.append(row)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _series(run: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Where numbers stood before a run."""
    series: dict[tuple[str, str], dict[str, Any]] = {}
    for row in run:
        if row.series is not None:
            drawn = {"entity": row.entity, "series": row.series, "last_number": row.series_number - 1}
            series.setdefault((row.entity, row.series), drawn)
    return list(series.values())


_READY = """
    SELECT intent.id
    FROM posting.intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    INNER JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'document' AND gate.subject_id = document.id AND gate.passed
    WHERE intent.id = ANY(CAST(:ids AS bigint[])) AND intent.state = 'pending' AND document.state = 'planned'
"""
_STAND = """
    WITH chains AS (
        INSERT INTO ledger.chain_heads AS head (entity, sequence, hash)
        SELECT entity, sequence, hash
        FROM jsonb_to_recordset(CAST(:chains AS jsonb)) AS chain (entity text, sequence bigint, hash text)
        ON CONFLICT (entity) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
        WHERE (head.sequence, head.hash) IS DISTINCT FROM (excluded.sequence, excluded.hash)
    )
    INSERT INTO ledger.number_series AS counter (entity, series, last_number)
    SELECT entity, series, last_number
    FROM jsonb_to_recordset(CAST(:series AS jsonb)) AS given (entity text, series text, last_number bigint)
    ON CONFLICT (entity, series) DO UPDATE SET last_number = excluded.last_number
    WHERE counter.last_number IS DISTINCT FROM excluded.last_number
"""
_MAKE_DUE = """
    UPDATE posting.intents AS intent SET due_on = document.issue_date
    FROM billing.documents AS document
    WHERE document.id = intent.document_id AND intent.id = ANY(CAST(:ids AS bigint[]))
"""
_POSTED = """
    SELECT id FROM posting.intents WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'posted'
"""
