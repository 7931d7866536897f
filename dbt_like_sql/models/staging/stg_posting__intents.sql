-- Intents to post into the own ledger.
SELECT
    id AS intent_id,
    document_id,
    state
FROM {{ source('posting', 'intents') }}
WHERE target = 'ledger'
