SELECT
    id AS document_id,
    deal_key,
    slot,
    revision,
    kind,
    reverses_id,
    entity,
    customer_id,
    currency,
    issue_date,
    due_date,
    purchase_order,
    net_minor,
    tax_minor,
    total_minor,
    state
FROM {{ source('billing', 'documents') }}
