"""What is compared of each table: a name, the deal it belongs to, and its content as JSON.

Belongs here: the statements, the same for both databases; surrogate keys are equal in both. Left out are
moments at which rows were written, and bookkeeping of work that waits. Does not belong here: comparing
(`compare`).
"""

from __future__ import annotations

COMPARED: dict[str, str] = {
    "crm.customers": """
        SELECT
            'customer ' || customer.id AS name, CAST(NULL AS text) AS deal_key,
            to_jsonb(customer) - 'created_at' AS content
        FROM crm.customers AS customer
    """,
    "crm.customer_links": """
        SELECT
            link.object_type || ' ' || link.source || ':' || link.external_id AS name,
            CAST(NULL AS text) AS deal_key, to_jsonb(link) - 'created_at' - 'read_as' AS content
        FROM crm.customer_links AS link
    """,
    "crm.customer_candidates": """
        SELECT
            'company ' || candidate.source || ':' || candidate.external_id || ' and customer '
            || candidate.customer_id || ' by ' || candidate.rule AS name,
            CAST(NULL AS text) AS deal_key, to_jsonb(candidate) - 'id' - 'decided_at' AS content
        FROM crm.customer_candidates AS candidate
    """,
    "crm.deals": """
        SELECT
            'deal ' || deal.deal_key || ' version ' || deal.version AS name, deal.deal_key,
            to_jsonb(deal) - 'created_at' AS content
        FROM crm.deals AS deal
    """,
    "crm.deal_heads": """
        SELECT
            'deal ' || head.deal_key AS name, head.deal_key,
            to_jsonb(head) - 'updated_at' - 'inputs_hash' AS content
        FROM crm.deal_heads AS head
    """,
    "posting.gate_records": """
        SELECT
            'verdict on ' || gate.subject_kind || ' ' || coalesce(
                document.document_key, deal.deal_key || ' version ' || deal.version,
                CAST(gate.subject_id AS text)
            ) AS name,
            coalesce(
                record.source || ':' || record.external_id, deal.deal_key, document.deal_key
            ) AS deal_key,
            to_jsonb(gate) - 'evaluated_at' - 'suite_version' AS content
        FROM posting.gate_records AS gate
        LEFT JOIN raw.records AS record ON gate.subject_kind = 'raw_record' AND record.id = gate.subject_id
        LEFT JOIN crm.deals AS deal ON gate.subject_kind = 'deal' AND deal.id = gate.subject_id
        LEFT JOIN billing.documents AS document
            ON gate.subject_kind = 'document' AND document.id = gate.subject_id
    """,
    "posting.quarantine": """
        SELECT
            'quarantine of ' || held.subject_kind || ' ' || held.subject_id || ' by ' || held.rule || ' of '
            || held.field AS name,
            held.source || ':' || held.external_id AS deal_key,
            to_jsonb(held) - 'id' - 'created_at' - 'closed_at' AS content
        FROM posting.quarantine AS held
    """,
    "billing.schedules": """
        SELECT
            'schedule of ' || deal.deal_key || ' version ' || deal.version || ' under '
            || schedule.rule_set_version AS name,
            schedule.deal_key, to_jsonb(schedule) - 'created_at' AS content
        FROM billing.schedules AS schedule
        INNER JOIN crm.deals AS deal ON deal.id = schedule.deal_id
    """,
    "billing.documents": """
        SELECT
            'document ' || document.document_key AS name, document.deal_key,
            to_jsonb(document) - 'created_at' - 'superseded_at' AS content
        FROM billing.documents AS document
    """,
    "billing.lines": """
        SELECT
            'line ' || line.position || ' of ' || document.document_key AS name, document.deal_key,
            to_jsonb(line) AS content
        FROM billing.lines AS line
        INNER JOIN billing.documents AS document ON document.id = line.document_id
    """,
    "billing.document_taxes": """
        SELECT
            'tax ' || tax.position || ' of ' || document.document_key AS name, document.deal_key,
            to_jsonb(tax) AS content
        FROM billing.document_taxes AS tax
        INNER JOIN billing.documents AS document ON document.id = tax.document_id
    """,
    # Whether a document that is due was posted yet is a question of work, not of what it says.
    "posting.intents": """
        SELECT
            'intent of ' || document.document_key AS name, document.deal_key,
            jsonb_build_object(
                'id', intent.id, 'intent_key', intent.intent_key, 'target', intent.target,
                'entity', intent.entity, 'document_id', intent.document_id,
                'document_reference', intent.document_reference, 'body_hash', intent.body_hash,
                'remote_id', intent.remote_id, 'response_hash', intent.response_hash,
                'state', CASE WHEN intent.state IN ('posted', 'cancelled') THEN intent.state ELSE 'open' END
            ) AS content
        FROM posting.ledger_intents AS intent
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
    """,
    "ledger.documents": """
        SELECT
            issued.kind || ' ' || issued.number || ' of ' || issued.entity AS name,
            issued.body ->> 'deal' AS deal_key, to_jsonb(issued) AS content
        FROM ledger.documents AS issued
    """,
    "payments.settlements": """
        SELECT
            'settlement ' || settlement.reference || ' of payment ' || settlement.movement_id AS name,
            CAST(NULL AS text) AS deal_key, to_jsonb(settlement) - 'created_at' AS content
        FROM payments.settlements AS settlement
    """,
    "payments.allocations": """
        SELECT
            'what settlement ' || settlement.reference || ' pays of ' || document.document_key AS name,
            document.deal_key, to_jsonb(allocation) AS content
        FROM payments.allocations AS allocation
        INNER JOIN payments.settlements AS settlement ON settlement.id = allocation.settlement_id
        INNER JOIN billing.documents AS document ON document.id = allocation.document_id
    """,
    "payments.payers": """
        SELECT
            'payer ' || payer.payer_id || ' of ' || payer.source || ' is customer ' || payer.customer_id
            AS name,
            CAST(NULL AS text) AS deal_key, to_jsonb(payer) AS content
        FROM payments.payers AS payer
    """,
    "ledger.journal_entries": """
        SELECT
            'entry ' || entry.sequence || ' of ' || entry.entity || ' (' || entry.document_number || ')'
            AS name,
            document.deal_key, to_jsonb(entry) AS content
        FROM ledger.journal_entries AS entry
        LEFT JOIN posting.ledger_intents AS intent ON intent.id = entry.intent_id
        LEFT JOIN billing.documents AS document ON document.id = intent.document_id
    """,
    "ledger.journal_lines": """
        SELECT
            'line ' || line.position || ' of entry ' || entry.sequence || ' of ' || entry.entity || ' ('
            || entry.document_number || ')' AS name,
            document.deal_key, to_jsonb(line) AS content
        FROM ledger.journal_lines AS line
        INNER JOIN ledger.journal_entries AS entry ON entry.id = line.entry_id
        LEFT JOIN posting.ledger_intents AS intent ON intent.id = entry.intent_id
        LEFT JOIN billing.documents AS document ON document.id = intent.document_id
    """,
    "ledger.revenue_releases": """
        SELECT
            'revenue ' || to_char(release.month, 'YYYY-MM') || ' of line ' || release.position || ' of '
            || document.document_key AS name,
            document.deal_key, to_jsonb(release) AS content
        FROM ledger.revenue_releases AS release
        INNER JOIN billing.documents AS document ON document.id = release.document_id
    """,
    "ledger.chain_heads": """
        SELECT
            'the newest entry of ' || head.entity AS name, CAST(NULL AS text) AS deal_key,
            to_jsonb(head) AS content
        FROM ledger.chain_heads AS head
        WHERE head.sequence > 0
    """,
    "ledger.number_series": """
        SELECT
            'numbers ' || counter.series || ' of ' || counter.entity AS name, CAST(NULL AS text) AS deal_key,
            to_jsonb(counter) AS content
        FROM ledger.number_series AS counter
    """,
}
"""By table, in the order in which the pipeline fills them."""
