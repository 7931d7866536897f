"""Receive: what payment vendors and banks tell of is kept, each version once, before it is settled.

Belongs here: pages into `payments.movements`, and how far a source was read. Does not belong here: what a
movement settles (`settle`).

A source that changes its mind adds a version, which takes the place of the one before, unless that one is
settled: then a person decides. Sources tell of what is, not of what happened: the same movement may come
often.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.payments.movements import Movement, Page, PaymentSource, Unreadable, storable
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.reports import StageReport, reporting

# First half of the two-part advisory lock key; the second is a hash of the source and its account.
_RECEIVE_LOCK = 731_063


def receive(pipeline: Pipeline, source: PaymentSource, *, account: str = "") -> StageReport:
    """Keep everything `source` has told since the last time; each page and its cursor are one transaction.

    `account` tells several accounts of one vendor apart. Safe to repeat. Raises the transport's failures;
    what came before is kept. Counts: `pages`, `received`, `repeated`, `changed` (took a version's place),
    `withdrawn`, `changed_after_settling` and `removed_after_settling` (a person decides), `unreadable`.
    """
    with reporting("receive") as report:
        name = source.name.value
        where = {"source": name, "account": account}
        with pipeline.transaction() as connection:
            cursor: str | None = connection.execute(_CURSOR, where).scalar_one_or_none()
        for page in source.changes_since(cursor):
            with pipeline.transaction() as connection:
                connection.execute(_LOCK, {"lock": _RECEIVE_LOCK, **where})
                keep(connection, name, page, report)
                if page.cursor is not None:
                    connection.execute(_MOVE_CURSOR, {**where, "cursor": page.cursor})
            report.counts["pages"] += 1
    return report


def keep(connection: Connection, source: str, page: Page, report: StageReport) -> None:
    """Keep a page's movements, take back what it removes, in the caller's transaction."""
    # Of one movement told of twice in a page the later one holds.
    newest = {(each.kind.value, each.external_id): each for each in page.movements}
    versions = _versions(connection, source, list(newest))
    for key, movement in newest.items():
        _keep(connection, movement, versions[key], report)
    if page.removed:
        _remove(connection, source, page.removed, report)
    _keep_unreadable(connection, source, page.unreadable, [each.external_id for each in page.movements])
    report.counts["unreadable"] += len(page.unreadable)


def content_hash(movement: Movement) -> str:
    """SHA-256 over what a decision may depend on: not the payout, which is known late, nor the whole body."""
    content = json.dumps(_content(movement), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def _content(movement: Movement) -> dict[str, Any]:
    settled = movement.settled
    return {
        "account": movement.account or "",
        "amount_minor": movement.amount.minor,
        "fee_minor": movement.fee.minor if movement.fee is not None else 0,
        "currency": movement.amount.currency,
        "settled_minor": None if settled is None else settled.minor,
        "settled_currency": None if settled is None else settled.currency,
        "value_date": movement.value_date.isoformat(),
        "payer": storable(
            {
                "name": movement.payer.name,
                "email": movement.payer.email,
                "ids": list(movement.payer.ids),
            }
        ),
        **storable(
            {
                "hints": list(movement.references),
                "links": [
                    {
                        "kind": link.kind.value,
                        "id": link.id,
                        "minor": None if link.amount is None else link.amount.minor,
                        "currency": None if link.amount is None else link.amount.currency,
                    }
                    for link in movement.links
                ],
            }
        ),
    }


def _versions(
    connection: Connection, source: str, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[Row[Any]]]:
    """Every kept version of these movements, oldest first."""
    versions: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    if keys:
        kinds, ids = zip(*keys, strict=True)
        for row in connection.execute(_VERSIONS, {"source": source, "kinds": list(kinds), "ids": list(ids)}):
            versions[row.kind, row.external_id].append(row)
    return versions


def _keep(
    connection: Connection, movement: Movement, versions: Sequence[Row[Any]], report: StageReport
) -> None:
    hashed = content_hash(movement)
    known = next((row for row in versions if row.content_hash == hashed), None)
    alive = [row for row in versions if row.state != "withdrawn"]
    if known is None and alive and _stands(alive[-1], movement):
        known = alive[-1]
    if known is not None and known.state != "withdrawn":
        report.counts["repeated"] += 1
        # What is settled counts as removed no longer, and what had taken its place has gone again.
        connection.execute(_GO_ON, {"id": known.id, "payout": movement.group})
        _withdraw(connection, [row.id for row in alive if row.id > known.id])
        return
    settled = any(row.is_settled for row in alive)
    withdrawn = _withdraw(connection, [row.id for row in alive])
    if known is not None:
        connection.execute(_REVIVE, {"id": known.id, "payout": movement.group})
    else:
        row = {
            **_content(movement),
            "source": movement.source.value,
            "external_id": movement.external_id,
            "kind": movement.kind.value,
            "content_hash": hashed,
            "occurred_at": movement.occurred_at.isoformat(),
            # Not every way to read a movement shows its payout.
            "payout": movement.group or next((each.payout for each in alive[::-1] if each.payout), None),
            "body": storable(movement.body),
        }
        connection.execute(_INSERT, {"row": json.dumps(row)})
    if settled:
        report.counts["changed_after_settling"] += 1
    else:
        report.counts["changed" if withdrawn else "received"] += 1


def _stands(row: Row[Any], movement: Movement) -> bool:
    """Whether what was decided about this version stands: it is the same money, in other words."""
    content = _content(movement)
    decided = row.is_settled or (row.state == "ignored" and row.decided_by is not None)
    same_money = all(
        getattr(row, name) == content[name]
        for name in ("amount_minor", "fee_minor", "currency", "settled_minor", "settled_currency")
    )
    return decided and same_money


def _withdraw(connection: Connection, ids: Sequence[int]) -> int:
    """Whatever is not settled of these; what a run is settling just now is waited for."""
    return connection.execute(_WITHDRAW, {"ids": list(ids)}).rowcount if ids else 0


def _remove(connection: Connection, source: str, removed: Sequence[str], report: StageReport) -> None:
    """Take back what the source says is none; unknown ids are of what was never a movement (pending)."""
    rows = connection.execute(_REMOVED, {"source": source, "ids": list(removed)}).all()
    report.counts["withdrawn"] += _withdraw(connection, [row.id for row in rows])
    settled = connection.execute(_OBJECT, {"ids": [row.id for row in rows], "source": source})
    report.counts["removed_after_settling"] += settled.rowcount


def _keep_unreadable(
    connection: Connection, source: str, unreadable: Sequence[Unreadable], readable: Sequence[str]
) -> None:
    rows = [
        {
            "external_id": each.external_id,
            "reason": each.reason,
            "body": storable(each.body),
        }
        for each in {each.external_id: each for each in unreadable}.values()
    ]
    parameters = {"source": source, "rows": json.dumps(rows), "readable": list(readable)}
    connection.execute(_UNREADABLE, parameters)


_LOCK = text("SELECT pg_advisory_xact_lock(:lock, hashtext(:source || ':' || :account))")
_CURSOR = text("SELECT cursor FROM payments.cursors WHERE source = :source AND account = :account")
_MOVE_CURSOR = text("""
    INSERT INTO payments.cursors (source, account, cursor) VALUES (:source, :account, :cursor)
    ON CONFLICT (source, account) DO UPDATE SET
        cursor = excluded.cursor, updated_at = clock_timestamp()
""")
_VERSIONS = text("""
    SELECT
        movement.*,
        EXISTS (
            SELECT FROM payments.settlements_in_force AS settlement
            WHERE settlement.movement_id = movement.id OR settlement.payout_id = movement.id
        ) AS is_settled
    FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS text[])) AS asked (kind, external_id)
    INNER JOIN payments.movements AS movement
        ON movement.source = :source AND movement.kind = asked.kind
        AND movement.external_id = asked.external_id
    ORDER BY movement.id
""")
_GO_ON = text("""
    UPDATE payments.movements
    SET
        payout = coalesce(:payout, payout),
        state = CASE WHEN withdrawn_at IS NULL THEN state ELSE 'settled' END,
        reason = CASE WHEN withdrawn_at IS NULL THEN reason END,
        withdrawn_at = NULL
    WHERE id = :id AND (payout IS DISTINCT FROM coalesce(:payout, payout) OR withdrawn_at IS NOT NULL)
""")
_WITHDRAW = text("""
    UPDATE payments.movements AS movement
    SET state = 'withdrawn', withdrawn_at = clock_timestamp()
    WHERE movement.id = ANY(CAST(:ids AS bigint[])) AND movement.state IN ('open', 'waiting', 'ignored')
        AND NOT EXISTS (
            SELECT FROM payments.settlements_in_force AS settlement
            WHERE settlement.movement_id = movement.id OR settlement.payout_id = movement.id
        )
""")
_REVIVE = text("""
    UPDATE payments.movements
    SET
        state = 'open', withdrawn_at = NULL, reason = NULL, decided_at = NULL, decided_by = NULL,
        payout = coalesce(:payout, payout)
    WHERE id = :id
""")
_INSERT = text("""
    INSERT INTO payments.movements (
        source, account, external_id, kind, content_hash, amount_minor, fee_minor, currency, settled_minor,
        settled_currency, occurred_at, value_date, payer, hints, links, payout, body, state
    )
    SELECT
        source, account, external_id, kind, content_hash, amount_minor, fee_minor, currency, settled_minor,
        settled_currency, occurred_at, value_date, payer, hints, links, payout, body, 'open'
    FROM jsonb_to_record(CAST(:row AS jsonb)) AS given (
        source text, account text, external_id text, kind text, content_hash text, amount_minor bigint,
        fee_minor bigint, currency text, settled_minor bigint, settled_currency text,
        occurred_at timestamptz, value_date date, payer jsonb, hints text[], links jsonb, payout text,
        body jsonb
    )
""")
_REMOVED = text("""
    SELECT id FROM payments.movements
    WHERE source = :source AND kind = 'bank_line' AND external_id = ANY(CAST(:ids AS text[]))
        AND state <> 'withdrawn'
""")
_OBJECT = text("""
    UPDATE payments.movements
    SET
        state = 'waiting', withdrawn_at = clock_timestamp(),
        reason = 'it is settled, and ' || :source || ' has removed it since: `payments undo ' || id
            || '` takes the settlement back, `payments ignore ' || id || '` leaves it as it is'
    WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'settled'
""")
_UNREADABLE = text("""
    WITH readable AS (
        DELETE FROM payments.unreadable
        WHERE source = :source AND external_id = ANY(CAST(:readable AS text[]))
    )

    INSERT INTO payments.unreadable AS known (source, external_id, reason, body)
    SELECT :source, external_id, reason, body
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (external_id text, reason text, body jsonb)
    ON CONFLICT (source, external_id) DO UPDATE SET reason = excluded.reason, body = excluded.body
""")
