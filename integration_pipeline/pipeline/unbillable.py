"""Deals that passed the gate and cannot be billed after all: set aside one by one, with what billing says.

Terms are read and checked long before; but only planning knows the usage that no tier has a price for, or
what a rule of the company's own makes of the terms.

Does not belong here: failures of the gate's own rules (`gate`), what a person does about a row
(`quarantine`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.pipeline.reports import StageReport


def set_aside(
    connection: Connection, refused: Sequence[tuple[Row[Any], InvalidTerms]], report: StageReport
) -> None:
    """Quarantine these deals and withdraw their verdict. The gate judges them anew with the next run."""
    if not refused:
        return
    report.counts["deals_unbillable"] += len(refused)
    batch = [
        {
            "subject_id": deal.id,
            "source": deal.source,
            "external_id": deal.external_id,
            "record_name": deal.name,
            "close_month": deal.close_month.isoformat(),
            "field": field or "terms",
            "reason": f"Deal {deal.name!r} ({deal.external_id}) cannot be billed: {message}",
        }
        for deal, error in refused
        for field, message in error.problems
    ]
    connection.execute(_SET_ASIDE, {"batch": json.dumps(batch)})


# A verdict of no suite: the gate finds none of its own, and judges the deal again whenever it runs. So a deal
# is tried again under mended rules, though nothing of the deal has changed.
_SET_ASIDE = text("""
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS row (
            subject_id bigint, source text, external_id text, record_name text, close_month date, field text,
            reason text
        )
    ),
    withdrawn AS (
        UPDATE posting.gate_records AS gate
        SET passed = FALSE, suite_version = 'withdrawn by billing', evaluated_at = clock_timestamp()
        WHERE gate.subject_kind = 'deal' AND gate.subject_id IN (SELECT subject_id FROM given)
    )
    INSERT INTO posting.quarantine AS held (
        subject_kind, subject_id, source, object_type, external_id, record_name, close_month, suite, rule,
        field, value, reason, next_step, waivable, state
    )
    SELECT DISTINCT ON (given.subject_id, given.field)
        'deal', given.subject_id, given.source, 'deal', given.external_id, given.record_name,
        given.close_month, 'deals', 'deal_can_be_billed', given.field, NULL, given.reason,
        'Correct the deal in the CRM, or the rule that the reason names; it is tried again with every run',
        FALSE, 'open'
    FROM given
    ON CONFLICT (subject_kind, subject_id, rule, field) DO UPDATE SET
        reason = excluded.reason, next_step = excluded.next_step, state = 'open', closed_at = NULL
""")
