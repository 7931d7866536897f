WITH reasons AS (
    SELECT
        close_month,
        entity,
        outcome,
        reason,
        coalesce(currency, 'unknown') AS currency,
        count(*) AS deals,
        {{ in_minor_units('amount_minor') }} AS won_minor
    FROM {{ ref('deals') }}
    WHERE state = 'won'
    GROUP BY close_month, entity, outcome, reason, coalesce(currency, 'unknown')
)

SELECT
    reasons.*,
    {{ in_units('reasons.won_minor') }} AS won
FROM reasons
LEFT JOIN {{ ref('currencies') }} AS currencies ON reasons.currency = currencies.currency
