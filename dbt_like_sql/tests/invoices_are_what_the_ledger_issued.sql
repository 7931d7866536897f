{{ config(meta={'dagster': {'ref': {'name': 'invoices'}}}) }}
WITH invoices AS (
    SELECT
        kind,
        entity,
        currency,
        count(*) AS records,
        sum(total_minor) AS total_minor
    FROM {{ ref('invoices') }}
    GROUP BY kind, entity, currency
),

issued AS (
    SELECT
        measure AS kind,
        entity,
        currency,
        records,
        total_minor
    FROM {{ ref('cut_totals') }}
    WHERE measure IN ('invoice', 'credit_note')
)

SELECT
    kind,
    entity,
    currency,
    issued.records AS issued_records,
    invoices.records AS invoices_records,
    issued.total_minor AS issued_minor,
    invoices.total_minor AS invoices_minor
FROM issued
FULL OUTER JOIN invoices USING (kind, entity, currency)
WHERE
    issued.records IS DISTINCT FROM invoices.records
    OR issued.total_minor IS DISTINCT FROM invoices.total_minor
