{{ config(meta={'dagster': {'ref': {'name': 'trial_balance'}}}) }}
SELECT
    entity,
    currency,
    sum(balance_minor) AS difference_minor
FROM {{ ref('trial_balance') }}
GROUP BY entity, currency
HAVING sum(balance_minor) <> 0
