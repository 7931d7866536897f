{{ config(meta={'dagster': {'ref': {'name': 'crm_to_books_bridge'}}}) }}
-- What the bridge calls invoiced and credited is what the ledger has issued.
WITH bridged AS (
    SELECT
        entity,
        currency,
        sum(invoiced_minor) AS invoiced_minor,
        sum(credited_minor) AS credited_minor
    FROM {{ ref('crm_to_books_bridge') }}
    GROUP BY entity, currency
),

issued AS (
    SELECT
        entity,
        currency,
        coalesce(sum(total_minor) FILTER (WHERE measure = 'invoice'), 0) AS invoiced_minor,
        coalesce(sum(total_minor) FILTER (WHERE measure = 'credit_note'), 0) AS credited_minor
    FROM {{ ref('cut_totals') }}
    WHERE measure IN ('invoice', 'credit_note')
    GROUP BY entity, currency
)

SELECT
    coalesce(bridged.entity, issued.entity) AS entity,
    coalesce(bridged.currency, issued.currency) AS currency,
    bridged.invoiced_minor AS invoiced_in_bridge,
    issued.invoiced_minor AS invoiced_in_books,
    bridged.credited_minor AS credited_in_bridge,
    issued.credited_minor AS credited_in_books
FROM bridged
FULL OUTER JOIN issued ON bridged.entity = issued.entity AND bridged.currency = issued.currency
WHERE
    coalesce(bridged.invoiced_minor, 0) <> coalesce(issued.invoiced_minor, 0)
    OR coalesce(bridged.credited_minor, 0) <> coalesce(issued.credited_minor, 0)
