-- Every document that counts: posted ones, and planned ones that still hold. Superseded drafts do not.
WITH held AS (
    SELECT
        subject_id,
        (array_agg(rule ORDER BY quarantine_id))[1] AS rule
    FROM {{ ref('stg_posting__open_quarantine') }}
    WHERE subject_kind = 'document'
    GROUP BY subject_id
),

documents AS (
    SELECT
        documents.*,
        intents.state AS intent_state,
        posted.number,
        posted.document_reference,
        posted.accounting_date,
        posted.posted_at,
        coalesce(allocations.paid_minor, 0) AS paid_minor,
        gate.passed AS gate_passed,
        held.rule AS quarantine_rule
    FROM {{ ref('stg_billing__documents') }} AS documents
    LEFT JOIN {{ ref('stg_posting__intents') }} AS intents ON documents.document_id = intents.document_id
    LEFT JOIN {{ ref('stg_ledger__documents') }} AS posted ON intents.intent_id = posted.intent_id
    LEFT JOIN {{ ref('stg_posting__gate_records') }} AS gate
        ON documents.document_id = gate.subject_id AND gate.subject_kind = 'document'
    LEFT JOIN held ON documents.document_id = held.subject_id
    LEFT JOIN {{ ref('stg_payments__allocations') }} AS allocations
        ON documents.document_id = allocations.document_id
    WHERE documents.state = 'planned' OR posted.number IS NOT NULL
)

SELECT
    document_id,
    deal_key,
    kind,
    reverses_id,
    entity,
    customer_id,
    currency,
    purchase_order,
    issue_date,
    due_date,
    net_minor,
    tax_minor,
    total_minor,
    CASE WHEN kind = 'invoice' THEN total_minor ELSE -total_minor END AS signed_minor,
    paid_minor,
    number,
    document_reference,
    accounting_date,
    posted_at,
    CASE
        WHEN number IS NOT NULL THEN 'posted'
        WHEN quarantine_rule IS NOT NULL THEN 'quarantined'
        WHEN issue_date > {{ as_of() }} THEN 'scheduled_later'
        ELSE 'waiting'
    END AS status,
    CASE
        WHEN number IS NOT NULL THEN 'posted'
        WHEN quarantine_rule IS NOT NULL THEN quarantine_rule
        WHEN issue_date > {{ as_of() }} THEN 'issue_date_ahead'
        WHEN intent_state = 'rejected' THEN 'posting_rejected'
        WHEN intent_state = 'uncertain' THEN 'posting_uncertain'
        WHEN gate_passed IS NULL THEN 'not_checked'
        WHEN NOT gate_passed THEN 'not_passed'
        ELSE 'not_posted'
    END AS reason
FROM documents
