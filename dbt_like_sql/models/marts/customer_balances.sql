WITH amounts AS (
    SELECT
        customer_id,
        currency,
        1 AS deals_won,
        amount_minor AS won_minor,
        0 AS invoiced_minor,
        0 AS credited_minor,
        0 AS open_minor
    FROM {{ ref('deals') }}
    WHERE state = 'won' AND customer_id IS NOT NULL AND currency IS NOT NULL
    UNION ALL
    SELECT
        customer_id,
        currency,
        0 AS deals_won,
        0 AS won_minor,
        CASE WHEN kind = 'invoice' THEN total_minor ELSE 0 END AS invoiced_minor,
        CASE WHEN kind = 'credit_note' THEN total_minor ELSE 0 END AS credited_minor,
        open_minor
    FROM {{ ref('invoices') }}
),

balances AS (
    SELECT
        customer_id,
        currency,
        sum(deals_won) AS deals_won,
        {{ in_minor_units('won_minor') }} AS won_minor,
        {{ in_minor_units('invoiced_minor') }} AS invoiced_minor,
        {{ in_minor_units('credited_minor') }} AS credited_minor,
        {{ in_minor_units('open_minor') }} AS open_minor
    FROM amounts
    GROUP BY customer_id, currency
)

SELECT
    balances.customer_id,
    customers.name AS customer_name,
    balances.currency,
    balances.deals_won,
    balances.won_minor,
    balances.invoiced_minor,
    balances.credited_minor,
    balances.open_minor,
    {{ in_units('balances.won_minor') }} AS won,
    {{ in_units('balances.invoiced_minor') }} AS invoiced,
    {{ in_units('balances.credited_minor') }} AS credited,
    {{ in_units('balances.open_minor') }} AS open_amount
FROM balances
INNER JOIN {{ ref('customers') }} AS customers ON balances.customer_id = customers.customer_id
LEFT JOIN {{ ref('currencies') }} AS currencies ON balances.currency = currencies.currency
