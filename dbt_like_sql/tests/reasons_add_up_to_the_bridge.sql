{{ config(meta={'dagster': {'ref': {'name': 'crm_to_books_reasons'}}}) }}
WITH reasons AS (
    SELECT
        close_month,
        entity,
        currency,
        sum(deals) AS deals,
        sum(won_minor) AS won_minor,
        coalesce(sum(deals) FILTER (WHERE outcome = 'quarantined'), 0) AS quarantined_deals,
        coalesce(sum(deals) FILTER (WHERE outcome = 'waiting'), 0) AS waiting_deals
    FROM {{ ref('crm_to_books_reasons') }}
    GROUP BY close_month, entity, currency
)

SELECT
    bridge.close_month,
    bridge.entity,
    bridge.currency,
    bridge.won_deals,
    reasons.deals
FROM {{ ref('crm_to_books_bridge') }} AS bridge
LEFT JOIN reasons
    ON
        bridge.close_month = reasons.close_month
        AND bridge.entity = reasons.entity
        AND bridge.currency = reasons.currency
WHERE
    bridge.won_deals <> coalesce(reasons.deals, 0)
    OR bridge.won_minor <> coalesce(reasons.won_minor, 0)
    OR bridge.quarantined_deals <> coalesce(reasons.quarantined_deals, 0)
    OR bridge.waiting_deals <> coalesce(reasons.waiting_deals, 0)
