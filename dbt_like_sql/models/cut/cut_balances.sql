WITH balances AS (
    SELECT
        entity,
        account,
        currency,
        {{ in_minor_units('debit_minor') }} AS debit_minor,
        {{ in_minor_units('credit_minor') }} AS credit_minor
    FROM {{ ref('stg_ledger__journal_lines') }}
    GROUP BY entity, account, currency
)

SELECT
    balances.*,
    accounts.entity_name,
    accounts.account_name,
    accounts.kind,
    accounts.role
FROM balances
INNER JOIN {{ ref('stg_ledger__accounts') }} AS accounts
    ON balances.entity = accounts.entity AND balances.account = accounts.account
