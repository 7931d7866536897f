{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'crm_to_books_bridge'}}}) }}
-- scheduled = invoiced - credited + not invoiced. A warning, as it is untrue for a moment after a deal has
-- changed and before its documents are planned again.
SELECT
    close_month,
    entity,
    currency,
    scheduled_minor,
    invoiced_minor,
    credited_minor,
    not_invoiced_minor
FROM {{ ref('crm_to_books_bridge') }}
WHERE scheduled_minor <> invoiced_minor - credited_minor + not_invoiced_minor
