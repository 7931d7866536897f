"""Post: gated documents that are due go to the ledger, exactly once.

Belongs here: claiming intents, recording attempts, handing claimed documents to the target. Does not
belong here: accounts and numbers (accounting), the gate's verdicts (`gate`).

The claim and the attempt are committed before anything is sent. A claim is free again when its lease has
run out, or at once when its poster's database session is gone: the poster holds an advisory lock of that
session, which ends with the process, however it ends.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import IntegrityError

from integration_pipeline.accounting.documents import (
    ClaimedDocument,
    DocumentKind,
    DocumentLine,
    DocumentTax,
)
from integration_pipeline.accounting.postgres_ledger.target import NAME, post_documents
from integration_pipeline.billing.custom import NumberSeries, billing_of
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.pipeline.context import Pipeline, PostsTo
from integration_pipeline.pipeline.refusals import said_by
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.scope import Scope

LEASE_SECONDS = 120
_CHUNK = 500
POSTER_LOCK = 731_055
"""First half of a poster's advisory lock; the second is its claim's fencing token."""


def post(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Post everything in scope that passed the gate and whose issue date has come. Safe to repeat.

    Counts: `invoices_posted`, `credit_notes_posted`, `lost_claims` (a newer poster took over), `rejected`
    (the ledger refused the document for good; `verify` names it with the ledger's words). Money:
    `invoiced`, `credited`.
    """
    with reporting("post") as report, pipeline.session() as connection:
        claimed = _CHUNK
        while claimed == _CHUNK:
            documents = _claim(connection, pipeline, scope)
            # In a shared transaction, this commits what the stages before have written, too.
            connection.commit()
            claimed = len(documents)
            if documents:
                _send(connection, pipeline, documents, report)
    return report


def _claim(connection: Connection, pipeline: Pipeline, scope: Scope) -> Sequence[ClaimedDocument]:
    """Claim the next due intents and record the attempts. Answers their documents in posting order."""
    days = pipeline.days_by_entity()
    due = connection.execute(
        _DUE if scope.deal_keys is None else _DUE_OF_DEALS,
        {
            **scope.parameters(),
            "target": NAME,
            "lock": POSTER_LOCK,
            "entities": list(days),
            "days": list(days.values()),
            "limit": _CHUNK,
        },
    )
    ids = due.scalars().all()
    if not ids:
        return []
    claim = {"ids": ids, "lock": POSTER_LOCK, "lease": LEASE_SECONDS}
    return [_document(row) for row in connection.execute(_CLAIM, claim)]


def _send(
    connection: Connection, pipeline: Pipeline, documents: Sequence[ClaimedDocument], report: StageReport
) -> None:
    """Post what was claimed; where the books refuse it, one by one: one document holds up no other."""
    sent = False
    try:
        with connection.begin():
            posted = _book(connection, pipeline, documents)
            # The rows stay locked until the commit, so that nobody takes the claim for an abandoned one.
            _let_go(connection, documents)
        sent = True
        _count(report, documents, posted)
    except (IntegrityError, ValueError):
        for document in documents:
            _send_alone(connection, pipeline, document, report)
    finally:
        # A session that is gone has taken its lock along.
        if not (sent or connection.closed or connection.invalidated):
            with connection.begin():
                _let_go(connection, documents)


def _send_alone(
    connection: Connection, pipeline: Pipeline, document: ClaimedDocument, report: StageReport
) -> None:
    try:
        with connection.begin():
            posted = _book(connection, pipeline, [document])
    except (IntegrityError, ValueError) as refusal:
        with connection.begin():
            _reject(connection, document, refusal)
        report.counts["rejected"] += 1
        return
    _count(report, [document], posted)


def _book(connection: Connection, pipeline: Pipeline, documents: Sequence[ClaimedDocument]) -> set[int]:
    """Answers the intents that were posted: without those that a newer claim holds.

    What else is to be done with them, in accounting systems, is put down in the same transaction.
    """
    series = _own_series(pipeline, documents)
    posted = {
        each.intent_id for each in post_documents(connection, documents, pipeline.rules.accounts, series)
    }
    enlist(connection, pipeline.targets, sorted(posted))
    return posted


def enlist(connection: Connection, targets: Sequence[PostsTo], booked: Sequence[int] | None = None) -> int:
    """Make the intents of accounting systems for booked documents; how many are new. Safe to repeat.

    `booked` are intents of the own ledger, None stands for all of them: for a target that was added later.
    """
    if not targets or booked == []:
        return 0
    chosen = [
        {"target": each.target, "entity": each.entity, "since": each.since.isoformat()} for each in targets
    ]
    return connection.execute(_ENLIST, {"targets": json.dumps(chosen), "booked": booked}).scalar_one()


def _let_go(connection: Connection, documents: Sequence[ClaimedDocument]) -> None:
    connection.execute(_LET_GO, {"lock": POSTER_LOCK, "token": documents[0].fencing_token})


def _own_series(pipeline: Pipeline, documents: Sequence[ClaimedDocument]) -> dict[int, NumberSeries]:
    """Where a numbering of the company's own takes numbers from, by intent."""
    series: dict[int, NumberSeries] = {}
    for document in documents:
        with billing_of(document.deal_key):
            own = pipeline.rules.number_series(
                document.entity, document.kind.value, document.issue_date, document.total.currency
            )
        if own is not None:
            series[document.intent_id] = own
    return series


def _reject(connection: Connection, document: ClaimedDocument, refusal: Exception) -> None:
    connection.execute(
        _REJECT,
        {"intent_id": document.intent_id, "token": document.fencing_token, "said": said_by(refusal)[:500]},
    )


def _document(row: Row[Any]) -> ClaimedDocument:
    return ClaimedDocument(
        intent_id=row.intent_id,
        fencing_token=row.fencing_token,
        entity=row.entity,
        kind=DocumentKind(row.kind),
        document_key=row.document_key,
        document_reference=row.document_reference,
        customer_id=row.customer_id,
        customer_name=row.customer_name,
        deal_key=row.deal_key,
        issue_date=row.issue_date,
        due_date=row.due_date,
        purchase_order=row.purchase_order,
        reverses_number=row.reverses_number,
        total=Money(row.total_minor, row.currency),
        lines=tuple(
            DocumentLine(
                description=line["description"],
                amount=Money(line["amount_minor"], row.currency),
                revenue=RevenueTreatment(revenue),
                body=line,
            )
            for revenue, line in row.lines or ()
        ),
        taxes=tuple(
            DocumentTax(
                name=name,
                percent=Decimal(percent),
                base=Money(base_minor, row.currency),
                amount=Money(tax_minor, row.currency),
            )
            for name, percent, base_minor, tax_minor in row.taxes or ()
        ),
    )


def _count(report: StageReport, documents: Sequence[ClaimedDocument], posted: set[int]) -> None:
    for document in documents:
        if document.intent_id not in posted:
            report.counts["lost_claims"] += 1
        elif document.kind is DocumentKind.INVOICE:
            report.counts["invoices_posted"] += 1
            report.money["invoiced", document.total.currency] += document.total.minor
        else:
            report.counts["credit_notes_posted"] += 1
            report.money["credited", document.total.currency] += document.total.minor


_ENLIST = text("SELECT posting.enlist(CAST(:targets AS jsonb), CAST(:booked AS bigint[]))")
_LET_GO = text("SELECT pg_advisory_unlock(:lock, CAST(:token % 2147483647 AS integer))")

# What is free and whose day has come where it is billed; of a claim only if its poster is late or gone; a
# reversal only after what it reverses. What state an intent is in is asked of the row that is locked: the
# newest, whoever has changed it since the statement began.
# What is due comes first, by its own index: the subscriptions of a year wait behind it, ten to one.
_DUE = text("""
    WITH open AS MATERIALIZED (
        SELECT intent.id, intent.document_id
        FROM unnest(CAST(:entities AS text[]), CAST(:days AS date[])) AS today (entity, day)
        INNER JOIN posting.intents AS intent
            ON intent.entity = today.entity AND intent.due_on <= today.day
        WHERE intent.target = :target AND intent.state IN ('pending', 'claimed')
            AND intent.due_on <= (SELECT max(day) FROM unnest(CAST(:days AS date[])) AS day)
    )
    SELECT intent.id
    FROM open
    INNER JOIN posting.intents AS intent ON intent.id = open.id
    INNER JOIN posting.passed_documents AS document ON document.id = open.document_id
    WHERE posting.is_free(intent.state, intent.lease_until, intent.fencing_token, :lock)
        AND crm.in_scope(
            document.close_month, document.deal_key, CAST(:first_month AS date),
            CAST(:last_month AS date), NULL
        )
        AND (
            document.reverses_id IS NULL
            OR EXISTS (
                SELECT FROM posting.intents AS reversed
                WHERE reversed.document_id = document.reverses_id AND reversed.target = :target
                    AND reversed.state = 'posted'
            )
        )
    ORDER BY document.issue_date, document.kind, length(document.deal_key), document.document_key
    LIMIT :limit
    FOR UPDATE OF intent SKIP LOCKED
""")
_DUE_OF_DEALS = text("""
    SELECT intent.id
    FROM posting.passed_documents AS document
    INNER JOIN posting.intents AS intent ON intent.document_id = document.id AND intent.target = :target
    INNER JOIN unnest(CAST(:entities AS text[]), CAST(:days AS date[])) AS today (entity, day)
        ON intent.entity = today.entity AND intent.due_on <= today.day
    WHERE document.deal_key = ANY(CAST(:deal_keys AS text[]))
        AND posting.is_free(intent.state, intent.lease_until, intent.fencing_token, :lock)
        AND crm.in_scope(
            document.close_month, document.deal_key, CAST(:first_month AS date),
            CAST(:last_month AS date), NULL
        )
        AND (
            document.reverses_id IS NULL
            OR EXISTS (
                SELECT FROM posting.intents AS reversed
                WHERE reversed.document_id = document.reverses_id AND reversed.target = :target
                    AND reversed.state = 'posted'
            )
        )
    ORDER BY document.issue_date, document.kind, length(document.deal_key), document.document_key
    LIMIT :limit
    FOR UPDATE OF intent SKIP LOCKED
""")
# The lock is the session's, so that it outlives the transaction that commits the claim. Quantities and prices
# go through JSON as texts: read as numbers they would come out as floats.
_CLAIM = text("""
    WITH poster AS MATERIALIZED (
        SELECT token, pg_advisory_lock(:lock, CAST(token % 2147483647 AS integer)) AS held
        FROM (SELECT nextval('posting.fencing_tokens') AS token) AS next
    ),
    abandoned AS (
        UPDATE posting.attempts
        SET finished_at = clock_timestamp(), outcome = 'lost'
        WHERE intent_id = ANY(CAST(:ids AS bigint[])) AND outcome IS NULL
    ),
    claimed AS (
        UPDATE posting.intents AS intent
        SET
            state = 'claimed', fencing_token = poster.token, updated_at = clock_timestamp(),
            lease_until = clock_timestamp() + make_interval(secs => :lease)
        FROM poster
        WHERE intent.id = ANY(CAST(:ids AS bigint[]))
        RETURNING
            intent.id, intent.target, intent.fencing_token, intent.document_id, intent.document_reference
    ),
    attempted AS (
        INSERT INTO posting.attempts (intent_id, number, fencing_token)
        SELECT
            claimed.id,
            1 + (
                SELECT count(*) FROM posting.attempts AS earlier WHERE earlier.intent_id = claimed.id
            ),
            claimed.fencing_token
        FROM claimed
    )
    SELECT
        claimed.id AS intent_id, claimed.fencing_token, claimed.document_reference, document.document_key,
        document.deal_key, document.entity, document.kind, document.customer_id, document.currency,
        document.issue_date, document.due_date, document.purchase_order, document.total_minor,
        customer.name AS customer_name, reversed.remote_id AS reverses_number,
        (
            SELECT jsonb_agg(jsonb_build_array(line.revenue, jsonb_build_object(
                'kind', line.kind, 'description', line.description, 'service_start', line.service_start,
                'service_end', line.service_end, 'quantity', CAST(line.quantity AS text),
                'unit_price', CAST(line.unit_price AS text), 'amount_minor', line.amount_minor,
                'tax_minor', line.tax_minor, 'explanation', line.explanation
            )) ORDER BY line.position)
            FROM billing.lines AS line
            WHERE line.document_id = document.id
        ) AS lines,
        (
            SELECT jsonb_agg(
                jsonb_build_array(tax.name, CAST(tax.percent AS text), tax.base_minor, tax.tax_minor)
                ORDER BY tax.position
            )
            FROM billing.document_taxes AS tax
            WHERE tax.document_id = document.id
        ) AS taxes
    FROM claimed
    INNER JOIN billing.documents AS document ON document.id = claimed.document_id
    INNER JOIN crm.customers AS customer ON customer.id = document.customer_id
    LEFT JOIN posting.intents AS reversed
        ON reversed.document_id = document.reverses_id AND reversed.target = claimed.target
    ORDER BY document.issue_date, document.kind, length(document.deal_key), document.document_key
""")
_REJECT = text("""
    WITH rejected AS (
        UPDATE posting.intents
        SET state = 'rejected', lease_until = NULL, last_error = :said, updated_at = clock_timestamp()
        WHERE id = :intent_id AND fencing_token = :token AND state = 'claimed'
        RETURNING id
    )
    UPDATE posting.attempts AS attempt
    SET finished_at = clock_timestamp(), outcome = 'rejected', detail = :said
    FROM rejected
    WHERE attempt.intent_id = rejected.id AND attempt.fencing_token = :token
""")
