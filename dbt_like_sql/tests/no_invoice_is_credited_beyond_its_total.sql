{{ config(meta={'dagster': {'ref': {'name': 'invoices'}}}) }}
SELECT
    entity,
    number,
    total_minor,
    credited_minor
FROM {{ ref('invoices') }}
WHERE credited_minor > total_minor
