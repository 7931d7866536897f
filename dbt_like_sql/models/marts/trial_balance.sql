SELECT
    balances.entity,
    balances.entity_name,
    balances.account,
    balances.account_name,
    balances.kind,
    balances.role,
    balances.currency,
    balances.debit_minor,
    balances.credit_minor,
    balances.debit_minor - balances.credit_minor AS balance_minor,
    {{ in_units('balances.debit_minor') }} AS debit,
    {{ in_units('balances.credit_minor') }} AS credit,
    {{ in_units('(balances.debit_minor - balances.credit_minor)') }} AS balance
FROM {{ ref('cut_balances') }} AS balances
LEFT JOIN {{ ref('currencies') }} AS currencies ON balances.currency = currencies.currency
