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
        reversed.number AS reverses_number,
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
        posted.total_minor,
        coalesce(credit.total_minor, 0) AS credited_minor,
        CASE
            WHEN posted.kind = 'invoice' THEN posted.total_minor - coalesce(credit.total_minor, 0)
            ELSE 0
        END AS open_minor
    FROM posted
    LEFT JOIN posted AS reversed ON posted.reverses_id = reversed.document_id
    -- A document is reversed once at most: the pipeline's table holds that.
    LEFT JOIN posted AS credit ON posted.document_id = credit.reverses_id
    LEFT JOIN {{ ref('cut_deals') }} AS deals ON posted.deal_key = deals.deal_key
    LEFT JOIN {{ ref('cut_customers') }} AS customers ON posted.customer_id = customers.customer_id
)

SELECT
    documents.*,
    {{ in_units('documents.total_minor') }} AS total,
    {{ in_units('documents.credited_minor') }} AS credited,
    {{ in_units('documents.open_minor') }} AS open_amount
FROM documents
LEFT JOIN {{ ref('currencies') }} AS currencies ON documents.currency = currencies.currency
