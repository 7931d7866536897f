"""Which intents of a target are due, taking them in hand, and storing what became of them.

An attempt is committed before anything is sent. An outcome is stored only for the token it was claimed under.
Each of these is one statement, which a writer's session commits by itself: a round trip, not three.

Belongs here: the states of intents and attempts, in SQL. Does not belong here: what is sent (`outgoing`),
what an outcome means (`poster`, `uncertainty`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from integration_pipeline.accounting.target import RemoteRecord, Subject
from integration_pipeline.posting.writer import Writer

_CALLS_EACH = 10
"""Of what may take a call each, so many at once: a writer that was lost meanwhile must not go on for long."""


@dataclass(frozen=True, slots=True)
class Due:
    """An intent that could be sent. `account` is the customer's id at the target, None if not known yet."""

    intent_id: int
    subject: Subject
    customer_id: int
    currency: str
    account: str | None


@dataclass(frozen=True, slots=True)
class Posted:
    """The target has it; `found` says that a look-up found it there."""

    intent_id: int
    record: RemoteRecord
    found: bool = False


@dataclass(frozen=True, slots=True)
class NotPosted:
    """What became of it instead, and why. `seconds`: when it is looked at again."""

    intent_id: int
    state: str
    said: str
    seconds: float = 0.0
    outcome: str | None = None


Result = Posted | NotPosted


def due(
    writer: Writer, limit: int, *, currency_per_customer: bool, documents_only: bool = False
) -> list[Due]:
    """The oldest due intents, all of one subject: documents before what needs them, or none but those."""
    statements: tuple[tuple[LiteralString, int], ...] = (
        (_DUE_DOCUMENTS, limit),
        (_DUE_APPLICATIONS, _CALLS_EACH),
        (_DUE_PAYMENTS, _CALLS_EACH),
    )
    for statement, most in statements[:1] if documents_only else statements:
        parameters = {
            "target": writer.target,
            "limit": min(limit, most),
            "per_currency": currency_per_customer,
        }
        rows = writer.connection.execute(statement, parameters).fetchall()
        if rows:
            return [
                Due(row.id, Subject(row.subject), row.customer_id, row.currency, row.remote_id)
                for row in rows
            ]
    return []


def uncertain(writer: Writer, limit: int) -> list[int]:
    """Uncertain intents whose look-up is due, oldest first and of one subject."""
    rows = writer.connection.execute(_UNCERTAIN, {"target": writer.target, "limit": limit}).fetchall()
    return [row.id for row in rows]


def claim(writer: Writer, intent_ids: Sequence[int]) -> None:
    """Take pending intents in hand and record the attempts, committed when this returns."""
    writer.connection.execute(_CLAIM, {"ids": list(intent_ids), "token": writer.fencing_token})


def store(writer: Writer, results: Sequence[Result], *, looked_up: bool = False) -> int:
    """What became of intents this writer claimed, or of uncertain ones it looked up; how many were stored.

    Those that a newer writer holds are left out.
    """
    if not results:
        return 0
    batch = json.dumps([_as_json(result) for result in results])
    row = writer.connection.execute(
        _STORE,
        {
            "batch": batch,
            "target": writer.target,
            "token": writer.fencing_token,
            "state": "uncertain" if looked_up else "claimed",
        },
    ).fetchone()
    return int(row[0]) if row else 0


def put_off(
    writer: Writer, intent_ids: Sequence[int], state: str, said: str, *, seconds: float = 0.0
) -> None:
    """Pending intents that cannot be sent as things stand, with the reason, and when to look again."""
    writer.connection.execute(
        _PUT_OFF,
        {
            "ids": list(intent_ids),
            "state": state,
            "said": said,
            "target": writer.target,
            "seconds": seconds,
        },
    )


def look_up_later(writer: Writer, intent_id: int, said: str, *, seconds: float) -> None:
    """An uncertain intent whose look-up failed by its own fault: it must not hold up the others."""
    writer.connection.execute(
        _LOOK_UP_LATER,
        {"id": intent_id, "said": said[:1_000], "seconds": seconds, "target": writer.target},
    )


def _as_json(result: Result) -> dict[str, Any]:
    if isinstance(result, Posted):
        return {
            "id": result.intent_id,
            "state": "posted",
            "remote_id": result.record.remote_id,
            "remote_version": result.record.version,
            "remote_minor": result.record.total.minor,
            "response_hash": result.record.body_hash,
            "outcome": "posted",
            "detail": "found by look-up" if result.found else None,
        }
    return {
        "id": result.intent_id,
        "state": result.state,
        "said": result.said[:1_000],
        "seconds": result.seconds,
        "outcome": result.outcome,
        "detail": result.said[:1_000],
    }


_ACCOUNT: LiteralString = """
    LEFT JOIN crm.customer_accounts AS account
        ON account.target = %(target)s AND account.customer_id = due.customer_id
        AND account.currency = CASE WHEN %(per_currency)s THEN due.currency ELSE '' END
    ORDER BY due.id
"""
_DUE_DOCUMENTS: LiteralString = f"""
    SELECT due.*, account.remote_id
    FROM (
        SELECT intent.id, intent.subject, document.customer_id, document.currency
        FROM posting.intents AS intent
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
        WHERE intent.target = %(target)s AND intent.state = 'pending' AND intent.subject = 'document'
            AND (intent.retry_at IS NULL OR intent.retry_at <= clock_timestamp())
        ORDER BY intent.id
        LIMIT %(limit)s
    ) AS due
    {_ACCOUNT}
"""  # noqa: S608 - our own words
# A credit note is set against its invoice once both are there.
_DUE_APPLICATIONS: LiteralString = f"""
    SELECT due.*, account.remote_id
    FROM (
        SELECT intent.id, intent.subject, document.customer_id, document.currency
        FROM posting.intents AS intent
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
        INNER JOIN posting.intents AS credit_note
            ON credit_note.target = intent.target AND credit_note.subject = 'document'
            AND credit_note.document_id = document.id AND credit_note.state IN ('posted', 'settled')
            AND credit_note.remote_id IS NOT NULL
        INNER JOIN posting.intents AS invoice
            ON invoice.target = intent.target AND invoice.subject = 'document'
            AND invoice.document_id = document.reverses_id AND invoice.state IN ('posted', 'settled')
            AND invoice.remote_id IS NOT NULL
        WHERE intent.target = %(target)s AND intent.state = 'pending' AND intent.subject = 'application'
            AND (intent.retry_at IS NULL OR intent.retry_at <= clock_timestamp())
        ORDER BY intent.id
        LIMIT %(limit)s
    ) AS due
    {_ACCOUNT}
"""  # noqa: S608 - our own words
# A payment is sent once all that it pays is there, and what takes one back once that one is.
_DUE_PAYMENTS: LiteralString = f"""
    SELECT due.*, account.remote_id
    FROM (
        SELECT intent.id, intent.subject, settlement.customer_id, settlement.currency
        FROM posting.intents AS intent
        INNER JOIN payments.settlements AS settlement ON settlement.id = intent.settlement_id
        WHERE intent.target = %(target)s AND intent.state = 'pending' AND intent.subject = 'payment'
            AND (intent.retry_at IS NULL OR intent.retry_at <= clock_timestamp())
            AND NOT EXISTS (
                SELECT FROM payments.allocations AS allocation
                LEFT JOIN posting.intents AS paid
                    ON paid.target = intent.target AND paid.subject = 'document'
                    AND paid.document_id = allocation.document_id AND paid.remote_id IS NOT NULL
                    AND paid.state IN ('posted', 'settled')
                WHERE allocation.settlement_id = settlement.id AND paid.id IS NULL
            )
            AND (
                settlement.reverses_id IS NULL
                OR EXISTS (
                    SELECT FROM posting.intents AS reversed
                    WHERE reversed.target = intent.target AND reversed.state = 'posted'
                        AND reversed.settlement_id = settlement.reverses_id
                )
            )
        ORDER BY intent.id
        LIMIT %(limit)s
    ) AS due
    {_ACCOUNT}
"""  # noqa: S608 - our own words
_UNCERTAIN = """
    WITH due AS (
        SELECT id, subject FROM posting.intents
        WHERE target = %(target)s AND state = 'uncertain'
            AND (retry_at IS NULL OR retry_at <= clock_timestamp())
        ORDER BY id
        LIMIT %(limit)s
    )
    SELECT id FROM due WHERE subject = (SELECT subject FROM due ORDER BY id LIMIT 1) ORDER BY id
"""
_CLAIM = """
    WITH claimed AS (
        UPDATE posting.intents
        SET state = 'claimed', fencing_token = %(token)s, retry_at = NULL, updated_at = clock_timestamp()
        WHERE id = ANY(%(ids)s) AND state = 'pending'
        RETURNING id, fencing_token
    )
    INSERT INTO posting.attempts (intent_id, number, fencing_token)
    SELECT
        claimed.id,
        1 + (SELECT count(*) FROM posting.attempts AS earlier WHERE earlier.intent_id = claimed.id),
        claimed.fencing_token
    FROM claimed
"""
_STORE = """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(%(batch)s AS jsonb)) AS result (
            id bigint, state text, remote_id text, remote_version text, remote_minor bigint,
            response_hash text, said text, seconds double precision, outcome text, detail text
        )
    ),
    stored AS (
        UPDATE posting.intents AS intent
        SET
            state = given.state,
            remote_id = coalesce(given.remote_id, intent.remote_id),
            remote_version = coalesce(given.remote_version, intent.remote_version),
            remote_minor = coalesce(given.remote_minor, intent.remote_minor),
            response_hash = coalesce(given.response_hash, intent.response_hash),
            last_error = given.said,
            retry_at = CASE
                WHEN given.seconds > 0 THEN clock_timestamp() + make_interval(secs => given.seconds)
            END,
            fencing_token = %(token)s, updated_at = clock_timestamp()
        FROM given
        WHERE intent.id = given.id AND intent.target = %(target)s AND intent.state = %(state)s
            AND (intent.state = 'uncertain' OR intent.fencing_token = %(token)s)
        RETURNING intent.id, given.outcome, given.detail
    ),
    finished AS (
        UPDATE posting.attempts AS attempt
        SET finished_at = clock_timestamp(), outcome = stored.outcome, detail = stored.detail
        FROM stored
        WHERE attempt.intent_id = stored.id AND attempt.outcome IS NULL AND stored.outcome IS NOT NULL
    )
    SELECT count(*) FROM stored
"""
_LOOK_UP_LATER = """
    UPDATE posting.intents
    SET last_error = %(said)s, updated_at = clock_timestamp(),
        retry_at = clock_timestamp() + make_interval(secs => %(seconds)s)
    WHERE id = %(id)s AND target = %(target)s AND state = 'uncertain'
"""
_PUT_OFF = """
    UPDATE posting.intents
    SET state = %(state)s, last_error = %(said)s, updated_at = clock_timestamp(),
        retry_at = CASE WHEN %(seconds)s > 0 THEN clock_timestamp() + make_interval(secs => %(seconds)s) END
    WHERE id = ANY(%(ids)s) AND target = %(target)s AND state = 'pending'
"""
