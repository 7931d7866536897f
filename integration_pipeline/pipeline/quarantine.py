"""What a person does about quarantined rows: look at them, and release what may be released.

Belongs here: listing, showing, releasing, and the record of who did it. Does not belong here: putting rows
into quarantine or resolving them after a correction (`gate`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text


class NotReleasable(ValueError):  # noqa: N818 - said of the row
    """The row cannot be released by hand; the message says what to do instead."""


def list_quarantine(
    connection: Connection, *, state: str | None = "open", rule: str | None = None, deal: str | None = None
) -> list[dict[str, Any]]:
    """Rows of the quarantine, oldest first; by state, rule or the deal's CRM id."""
    rows = connection.execute(text(_LIST), {"state": state, "rule": rule, "deal": deal})
    return [dict(row) for row in rows.mappings()]


def show_quarantine(connection: Connection, quarantine_id: int) -> Mapping[str, Any]:
    """One row with the record it is about. Raises `LookupError`."""
    row = connection.execute(text(_SHOW), {"id": quarantine_id}).mappings().one_or_none()
    if row is None:
        raise LookupError(f"there is no quarantined row {quarantine_id}; `quarantine list` shows them")
    return dict(row)


def release(connection: Connection, quarantine_id: int, by: str, reason: str) -> bool:
    """Accept a waivable row as it is, in the caller's transaction; kept in the audit log.

    The version passes the gate when its last open row is released: then True is returned. Raises
    `LookupError`, or `NotReleasable` for a row that has to be corrected at its source.
    """
    row = show_quarantine(connection, quarantine_id)
    if row["state"] != "open":
        raise NotReleasable(f"row {quarantine_id} is {row['state']} already, by {row['closed_by']}")
    if not row["waivable"]:
        raise NotReleasable(
            f"row {quarantine_id} cannot be released as it is. {row['reason']}. {row['next_step']}"
        )
    connection.execute(text(_CLOSE), {"id": quarantine_id, "by": by, "reason": reason})
    passes = connection.execute(
        text(_LET_THROUGH),
        {"kind": row["subject_kind"], "subject": row["subject_id"], "by": by, "reason": reason},
    ).rowcount
    connection.execute(
        text(_AUDIT),
        {
            "actor": by,
            "subject": f"{row['subject_kind']} {row['subject_id']}",
            "details": json.dumps({"rule": row["rule"], "record": row["external_id"], "reason": reason}),
        },
    )
    return passes > 0


_LIST = """
    SELECT
        id, subject_kind, source, external_id, record_name, close_month, suite, rule, field, value, reason,
        next_step, waivable, state, created_at, closed_at, closed_by, closed_reason
    FROM posting.quarantine
    WHERE (CAST(:state AS text) IS NULL OR state = :state)
        AND (CAST(:rule AS text) IS NULL OR rule = :rule)
        AND (CAST(:deal AS text) IS NULL OR external_id = :deal)
    ORDER BY id
"""
_SHOW = """
    SELECT held.*, record.properties AS crm_properties, record.modified_at AS crm_modified_at
    FROM posting.quarantine AS held
    LEFT JOIN raw.heads AS head
        ON head.source = held.source AND head.object_type = held.object_type
        AND head.external_id = held.external_id
    LEFT JOIN raw.records AS record ON record.id = head.record_id
    WHERE held.id = :id
"""
_CLOSE = """
    UPDATE posting.quarantine
    SET state = 'released', closed_at = clock_timestamp(), closed_by = :by, closed_reason = :reason
    WHERE id = :id
"""
_LET_THROUGH = """
    UPDATE posting.gate_records AS gate
    SET passed = TRUE, waived_by = :by, waived_reason = :reason
    WHERE gate.subject_kind = :kind AND gate.subject_id = :subject
        AND NOT EXISTS (
            SELECT FROM posting.quarantine AS held
            WHERE held.subject_kind = :kind AND held.subject_id = :subject AND held.state = 'open'
        )
"""
_AUDIT = """
    INSERT INTO ops.audit_log (actor, action, subject, details)
    VALUES (:actor, 'quarantine.release', :subject, CAST(:details AS jsonb))
"""
