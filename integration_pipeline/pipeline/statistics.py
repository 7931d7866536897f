"""Telling PostgreSQL's planner about a bulk of new rows at once, instead of when autovacuum comes by.

Without it, the first run after a first load plans for empty tables and loops over millions of pairs.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import text

from integration_pipeline.pipeline.context import Pipeline

_BULK = 1_000

_ANALYZE = {
    "raw": "ANALYZE raw.records, raw.heads",
    "crm": "ANALYZE crm.deals, crm.deal_heads, crm.customer_links",
    "billing": "ANALYZE billing.schedules, billing.schedule_heads, billing.documents, billing.lines, "
    "billing.document_taxes",
    "posting": "ANALYZE posting.gate_records, posting.intents",
}


def after_bulk(
    pipeline: Pipeline, changed: int, *schemas: Literal["raw", "crm", "billing", "posting"]
) -> None:
    """Refresh the statistics of these schemas if this many changed rows are worth it (1,000 or more)."""
    # In a shared transaction the new rows are not to be seen yet, and others wait for its locks.
    if pipeline.shared is not None or changed < _BULK:
        return
    with pipeline.engine.begin() as connection:
        for schema in schemas:
            connection.execute(text(_ANALYZE[schema]))
