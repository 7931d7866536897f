"""What the live books record of how they came about, read under one snapshot.

Belongs here: the statements, and rows as they come. Does not belong here: what follows from them (`acts`),
what is compared in the end (`compare`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

Rows = Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows of the live database; each statement below says what they are."""

    records: Rows
    parties: Rows
    versions: Rows
    heads: Rows
    links: Rows
    verdicts: Rows
    failures: Rows
    decisions: Rows
    schedules: Rows
    documents: Rows
    postings: Rows
    releases: Rows
    settlements: Rows
    unsettled: Rows
    said: Rows
    usage: Rows
    lost: Rows
    mappings: Rows
    rule_sets: Rows


def read_facts(connection: Connection) -> Facts:
    """Everything, as of the connection's snapshot."""

    def rows(statement: str) -> Rows:
        return connection.execute(text(statement)).all()

    return Facts(
        records=rows(_RECORDS),
        parties=rows(_PARTIES),
        versions=rows(_VERSIONS),
        heads=rows(_HEADS),
        links=rows(_LINKS),
        verdicts=rows(_VERDICTS),
        failures=rows(_FAILURES),
        decisions=rows(_DECISIONS),
        schedules=rows(_SCHEDULES),
        documents=rows(_DOCUMENTS),
        postings=rows(_POSTINGS),
        releases=rows(_RELEASES),
        settlements=rows(_SETTLEMENTS),
        unsettled=rows(_UNSETTLED),
        said=rows(_SAID),
        usage=rows(_USAGE),
        lost=rows(_LOST),
        mappings=rows("SELECT version, document FROM billing.mappings"),
        rule_sets=rows("SELECT version, document, loaded_at FROM billing.rule_sets ORDER BY loaded_at"),
    )


# The versions of each record that were the newest one for a while. One that arrived late never was; of one
# that was, the next version says that it follows it.
_RECORDS = """
    SELECT record.id, record.source, record.object_type, record.external_id, record.received_at
    FROM raw.records AS record
    WHERE EXISTS (SELECT FROM raw.heads AS head WHERE head.record_id = record.id)
        OR EXISTS (
            SELECT FROM raw.records AS next
            WHERE next.source = record.source AND next.object_type = record.object_type
                AND next.external_id = record.external_id AND next.follows_id = record.id
        )
    ORDER BY record.id
"""
# Companies and contacts in full: what identifies them decides who is whose customer.
_PARTIES = """
    SELECT * FROM raw.records WHERE object_type IN ('company', 'contact') ORDER BY id
"""
_VERSIONS = """
    SELECT
        deal.id, deal.deal_key, deal.source, deal.external_id, deal.version, deal.raw_record_id,
        deal.mapping_version, deal.customer_id, deal.company_name,
        deal.name, deal.close_date, deal.amount_minor, deal.currency, deal.state, deal.recorded_on,
        deal.created_at, deal.content_hash, deal.terms ->> 'entity' AS entity,
        deal.terms ->> 'contract_id' AS contract_id, record.associations,
        coalesce(CAST(deal.terms ->> 'evergreen' AS boolean), FALSE) OR (
            jsonb_typeof(deal.terms -> 'renewal') = 'object' AND deal.terms -> 'renewal' ->> 'times' IS NULL
        ) AS open_ended
    FROM crm.deals AS deal
    LEFT JOIN raw.records AS record ON record.id = deal.raw_record_id
    ORDER BY deal.deal_key, deal.version
"""
# When each deal was read last, whether or not that made a new version.
_HEADS = """
    SELECT head.deal_key, head.mapping_version, head.updated_at, record.associations
    FROM crm.deal_heads AS head
    LEFT JOIN raw.heads AS newest
        ON newest.object_type = 'deal' AND newest.source = split_part(head.deal_key, ':', 1)
        AND newest.external_id = substr(head.deal_key, strpos(head.deal_key, ':') + 1)
    LEFT JOIN raw.records AS record ON record.id = newest.record_id
"""
_LINKS = "SELECT * FROM crm.customer_links"
_VERDICTS = """
    SELECT
        gate.subject_kind, gate.subject_id, gate.suite_version, gate.evaluated_at,
        coalesce(record.source || ':' || record.external_id, deal.deal_key, document.deal_key) AS deal_key
    FROM posting.gate_records AS gate
    LEFT JOIN raw.records AS record ON gate.subject_kind = 'raw_record' AND record.id = gate.subject_id
    LEFT JOIN crm.deals AS deal ON gate.subject_kind = 'deal' AND deal.id = gate.subject_id
    LEFT JOIN billing.documents AS document
        ON gate.subject_kind = 'document' AND document.id = gate.subject_id
"""
_FAILURES = """
    SELECT
        subject_kind, subject_id, source || ':' || external_id AS deal_key, rule, field, state, created_at,
        closed_by, closed_at
    FROM posting.quarantine
"""
_DECISIONS = """
    SELECT id, at, actor, subject, details
    FROM ops.audit_log
    WHERE action = 'quarantine.release'
    ORDER BY id
"""
_SCHEDULES = """
    SELECT schedule.id, schedule.deal_key, schedule.deal_id, schedule.rule_set_version, schedule.created_at
    FROM billing.schedules AS schedule
"""
_DOCUMENTS = """
    SELECT
        document.id, document.document_key, document.deal_key, document.customer_id, document.entity,
        document.issue_date, document.created_at, document.superseded_at, schedule.deal_id,
        schedule.rule_set_version, reversed.issue_date AS reversed_issue_date
    FROM billing.documents AS document
    INNER JOIN billing.schedules AS schedule ON schedule.id = document.schedule_id
    LEFT JOIN billing.documents AS reversed ON reversed.id = document.reverses_id
    ORDER BY document.id
"""
# A posted intent keeps the moment and the number beside the ledger; where in the chain it is only the ledger
# says. What stands before it there is what the next link of a rebuilt chain is fastened to.
_POSTINGS = """
    SELECT
        intent.id AS intent_id, intent.document_id, intent.updated_at AS moment, intent.entity,
        document.deal_key, document.customer_id, document.issue_date, document.document_key,
        entry.sequence, before.hash AS hash_before, issued.series, issued.series_number,
        issued.body ->> 'customer' AS customer_name,
        (
            SELECT max(attempt.started_at) FROM posting.attempts AS attempt
            WHERE attempt.intent_id = intent.id AND attempt.outcome = 'posted'
        ) AS claimed_at
    FROM posting.ledger_intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    LEFT JOIN ledger.journal_entries AS entry ON entry.intent_id = intent.id
    LEFT JOIN ledger.journal_entries AS before
        ON before.entity = entry.entity AND before.sequence = entry.sequence - 1
    LEFT JOIN ledger.documents AS issued ON issued.intent_id = intent.id
    WHERE intent.state = 'posted'
    ORDER BY intent.updated_at, entry.sequence, intent.id
"""
_RELEASES = """
    SELECT
        entry.entity, entry.posted_at AS moment, min(entry.sequence) AS sequence,
        max(entry.accounting_date) AS month_end,
        (array_agg(before.hash ORDER BY entry.sequence))[1] AS hash_before
    FROM ledger.journal_entries AS entry
    LEFT JOIN ledger.journal_entries AS before
        ON before.entity = entry.entity AND before.sequence = entry.sequence - 1
    WHERE entry.kind = 'release'
    GROUP BY entry.entity, entry.posted_at
    ORDER BY entry.posted_at
"""
# Settlements with their place in the chain. Entries of one moment were booked together.
_SETTLEMENTS = """
    SELECT
        settlement.id, settlement.movement_id, settlement.payout_id, settlement.reverses_id,
        settlement.entity, settlement.customer_id, settlement.reference, settlement.rule,
        settlement.settled_on, reversed.settled_on AS reversed_settled_on, settlement.created_at,
        entry.posted_at, entry.sequence, entry.description, before.hash AS hash_before,
        movement.source, movement.kind, movement.external_id, movement.payer ->> 'email' AS payer_email,
        (
            SELECT jsonb_object_agg(allocation.document_id, allocation.amount_minor)
            FROM payments.allocations AS allocation
            WHERE allocation.settlement_id = settlement.id
        ) AS allocations
    FROM payments.settlements AS settlement
    INNER JOIN payments.movements AS movement ON movement.id = settlement.movement_id
    LEFT JOIN payments.settlements AS reversed ON reversed.id = settlement.reverses_id
    LEFT JOIN ledger.journal_entries AS entry ON entry.settlement_id = settlement.id
    LEFT JOIN ledger.journal_entries AS before
        ON before.entity = entry.entity AND before.sequence = entry.sequence - 1
    ORDER BY settlement.created_at, settlement.id
"""
# What counts as settled, and yet no settlement says so.
_UNSETTLED = """
    SELECT movement.id, movement.decided_at
    FROM payments.movements AS movement
    WHERE movement.state = 'settled' AND movement.decided_by IS NULL AND movement.decided_at IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM payments.settlements AS settlement
            WHERE settlement.movement_id = movement.id OR settlement.payout_id = movement.id
        )
"""
_SAID = """
    SELECT
        said.id, said.at, said.actor, said.action, said.details, movement.id AS movement_id,
        movement.source, movement.kind, movement.external_id
    FROM ops.audit_log AS said
    INNER JOIN payments.movements AS movement ON said.subject = 'payment ' || movement.id
    WHERE said.action IN ('payments.match', 'payments.undo') OR (
        said.action = 'payments.ignore' AND EXISTS (
            SELECT FROM payments.settlements AS booked
            WHERE booked.movement_id = movement.id AND booked.rule = 'set_aside'
        )
    )
    ORDER BY said.at, said.id
"""
_USAGE = "SELECT event_id, contract_id, recorded_at FROM billing.usage_events"
# Raw records that something was made of, or that another followed, and that are no longer there.
_LOST = """
    SELECT named.id, string_agg(DISTINCT named.by, ', ' ORDER BY named.by DESC) AS named_by
    FROM (
        SELECT raw_record_id AS id, 'version ' || version || ' of deal ' || deal_key AS by FROM crm.deals
        UNION ALL
        SELECT record_id, 'the customer of ' || object_type || ' ' || source || ':' || external_id
        FROM crm.customer_links
        UNION ALL
        SELECT subject_id, 'a verdict of the raw gate' FROM posting.gate_records
        WHERE subject_kind = 'raw_record'
        UNION ALL
        SELECT
            follows_id,
            'the version of ' || object_type || ' ' || source || ':' || external_id || ' that followed it'
        FROM raw.records WHERE follows_id <> 0
    ) AS named
    WHERE NOT EXISTS (SELECT FROM raw.records AS record WHERE record.id = named.id)
    GROUP BY named.id
    ORDER BY named.id
"""
