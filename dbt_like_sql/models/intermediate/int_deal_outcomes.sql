-- What became of each deal: exactly one outcome, with one reason. What needs a person comes first.
WITH held AS (
    SELECT
        quarantine.deal_key,
        (array_agg(quarantine.rule ORDER BY quarantine.quarantine_id))[1] AS rule
    FROM {{ ref('stg_posting__open_quarantine') }} AS quarantine
    LEFT JOIN {{ ref('stg_raw__deals') }} AS records
        ON quarantine.subject_kind = 'raw_record' AND quarantine.subject_id = records.record_id
    LEFT JOIN {{ ref('stg_crm__deals') }} AS deals
        ON quarantine.subject_kind = 'deal' AND quarantine.subject_id = deals.deal_id
    LEFT JOIN {{ ref('int_documents') }} AS documents
        ON
            quarantine.subject_kind = 'document' AND quarantine.subject_id = documents.document_id
            AND documents.status <> 'posted'
    WHERE coalesce(records.record_id, deals.deal_id, documents.document_id) IS NOT NULL
    GROUP BY quarantine.deal_key
),

documents AS (
    SELECT
        deal_key,
        bool_or(status = 'posted' AND kind = 'invoice') AS is_invoiced,
        bool_or(status = 'scheduled_later') AS is_scheduled_later,
        (array_agg(reason ORDER BY issue_date, document_id) FILTER (WHERE status = 'waiting'))[1]
            AS waiting_reason,
        (array_agg(entity ORDER BY document_id DESC))[1] AS entity
    FROM {{ ref('int_documents') }}
    GROUP BY deal_key
),

facts AS (
    SELECT
        deals.deal_key,
        deals.state,
        held.rule,
        documents.waiting_reason,
        gate.passed,
        schedules.deal_id IS NOT NULL AS is_planned,
        coalesce(documents.is_invoiced, FALSE) AS is_invoiced,
        coalesce(documents.is_scheduled_later, FALSE) AS is_scheduled_later,
        coalesce(deals.entity, documents.entity, 'unknown') AS entity
    FROM {{ ref('stg_crm__deals') }} AS deals
    LEFT JOIN held ON deals.deal_key = held.deal_key
    LEFT JOIN documents ON deals.deal_key = documents.deal_key
    -- A schedule made from an older version of the deal says nothing about this one.
    LEFT JOIN {{ ref('stg_billing__schedules') }} AS schedules ON deals.deal_id = schedules.deal_id
    LEFT JOIN {{ ref('stg_posting__gate_records') }} AS gate
        ON deals.deal_id = gate.subject_id AND gate.subject_kind = 'deal'
)

SELECT
    deal_key,
    entity,
    CASE
        WHEN state <> 'won' THEN 'not_won'
        WHEN rule IS NOT NULL THEN 'quarantined'
        WHEN NOT is_planned OR waiting_reason IS NOT NULL THEN 'waiting'
        WHEN is_invoiced THEN 'invoiced'
        WHEN is_scheduled_later THEN 'scheduled_later'
        ELSE 'nothing_to_bill'
    END AS outcome,
    CASE
        WHEN state <> 'won' THEN 'not_won'
        WHEN rule IS NOT NULL THEN rule
        WHEN NOT is_planned AND passed IS NULL THEN 'not_checked'
        WHEN NOT is_planned THEN 'not_planned'
        WHEN waiting_reason IS NOT NULL THEN waiting_reason
        WHEN is_invoiced THEN 'posted'
        WHEN is_scheduled_later THEN 'issue_date_ahead'
        ELSE 'schedule_is_empty'
    END AS reason
FROM facts
