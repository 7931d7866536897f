{{ config(meta={'dagster': {'ref': {'name': 'invoices'}}}) }}
-- The sub-ledger ties to the books: what customers owe by document is the balance of the receivable account.
WITH open_invoices AS (
    SELECT
        entity,
        currency,
        sum(open_minor) AS open_minor
    FROM {{ ref('invoices') }}
    GROUP BY entity, currency
),

receivable AS (
    SELECT
        entity,
        currency,
        balance_minor
    FROM {{ ref('trial_balance') }}
    WHERE role = 'receivable'
)

SELECT
    entity,
    currency,
    open_invoices.open_minor,
    receivable.balance_minor
FROM open_invoices
FULL OUTER JOIN receivable USING (entity, currency)
WHERE coalesce(open_invoices.open_minor, 0) <> coalesce(receivable.balance_minor, 0)
