SELECT
    accounts.entity,
    entities.name AS entity_name,
    accounts.code AS account,
    accounts.name AS account_name,
    accounts.kind,
    accounts.role
FROM {{ source('ledger', 'accounts') }} AS accounts
INNER JOIN {{ source('ledger', 'entities') }} AS entities ON accounts.entity = entities.code
