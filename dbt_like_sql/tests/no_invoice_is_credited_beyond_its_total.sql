{{ config(meta={'dagster': {'ref': {'name': 'invoices'}}}) }}
SELECT
    entity,
    number,
    total_minor,
    reversed_minor
FROM {{ ref('invoices') }}
WHERE reversed_minor > total_minor
