-- The newest version of every CRM deal, as received.
SELECT
    records.id AS record_id,
    records.source || ':' || records.external_id AS deal_key,
    records.modified_at,
    records.received_at
FROM {{ source('raw', 'heads') }} AS heads
INNER JOIN {{ source('raw', 'deals') }} AS records ON heads.record_id = records.id
WHERE heads.object_type = 'deal'
