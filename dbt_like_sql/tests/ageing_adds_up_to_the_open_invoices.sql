{{ config(meta={'dagster': {'ref': {'name': 'receivables_ageing'}}}) }}
WITH open_invoices AS (
    SELECT
        customer_id,
        currency,
        sum(open_minor) AS open_minor
    FROM {{ ref('invoices') }}
    WHERE open_minor > 0 AND issue_date <= {{ as_of() }}
    GROUP BY customer_id, currency
)

SELECT
    coalesce(ageing.customer_id, open_invoices.customer_id) AS customer_id,
    coalesce(ageing.currency, open_invoices.currency) AS currency,
    ageing.open_minor AS open_in_ageing,
    open_invoices.open_minor AS open_in_invoices
FROM {{ ref('receivables_ageing') }} AS ageing
FULL OUTER JOIN open_invoices
    ON ageing.customer_id = open_invoices.customer_id AND ageing.currency = open_invoices.currency
WHERE
    ageing.open_minor IS DISTINCT FROM open_invoices.open_minor
    OR ageing.open_minor
    <> ageing.not_due_minor + ageing.days_1_30_minor + ageing.days_31_60_minor
    + ageing.days_61_90_minor + ageing.days_over_90_minor
