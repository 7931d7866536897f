-- Counted where things are kept, past every other model, so that tests have something independent to hold
-- them against.
SELECT
    'won_deals' AS measure,
    deals.close_month,
    NULL AS entity,
    NULL AS currency,
    count(*) AS records,
    NULL::bigint AS total_minor
FROM {{ source('crm', 'deal_heads') }} AS heads
INNER JOIN {{ source('crm', 'deals') }} AS deals ON heads.deal_id = deals.id
WHERE deals.state = 'won'
GROUP BY deals.close_month
UNION ALL
SELECT
    kind AS measure,
    NULL AS close_month,
    entity,
    currency,
    count(*) AS records,
    {{ in_minor_units('total_minor') }} AS total_minor
FROM {{ source('ledger', 'documents') }}
GROUP BY kind, entity, currency
