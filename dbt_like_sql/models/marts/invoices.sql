WITH posted AS (
    SELECT *
    FROM {{ ref('cut_documents') }}
    WHERE status = 'posted'
),

documents AS (
    SELECT
        posted.document_reference,
        posted.entity,
        posted.number,
        posted.kind,
        origin.number AS reverses_number,
        posted.deal_key,
        deals.name AS deal_name,
        posted.customer_id,
        customers.name AS customer_name,
        posted.purchase_order,
        posted.issue_date,
        posted.due_date,
        posted.accounting_date,
        posted.posted_at,
        posted.currency,
        posted.net_minor,
        posted.tax_minor,
        posted.total_minor,
        coalesce(reversal.total_minor, 0) AS reversed_minor,
        posted.paid_minor,
        -- What a reversal takes back is taken off there; a credit note of its own is a credit until used.
        CASE
            WHEN posted.reverses_id IS NOT NULL THEN 0
            WHEN posted.kind = 'invoice' THEN posted.total_minor - coalesce(reversal.total_minor, 0)
            ELSE coalesce(reversal.total_minor, 0) - posted.total_minor
        END - posted.paid_minor AS open_minor
    FROM posted
    LEFT JOIN posted AS origin ON posted.reverses_id = origin.document_id
    -- A document is reversed once at most: the pipeline's table holds that.
    LEFT JOIN posted AS reversal ON posted.document_id = reversal.reverses_id
    LEFT JOIN {{ ref('cut_deals') }} AS deals ON posted.deal_key = deals.deal_key
    LEFT JOIN {{ ref('cut_customers') }} AS customers ON posted.customer_id = customers.customer_id
)

SELECT
    documents.*,
    {{ in_units('documents.net_minor') }} AS net,
    {{ in_units('documents.tax_minor') }} AS tax,
    {{ in_units('documents.total_minor') }} AS total,
    {{ in_units('documents.reversed_minor') }} AS reversed,
    {{ in_units('documents.paid_minor') }} AS paid,
    {{ in_units('documents.open_minor') }} AS open_amount
FROM documents
LEFT JOIN {{ ref('currencies') }} AS currencies ON documents.currency = currencies.currency
