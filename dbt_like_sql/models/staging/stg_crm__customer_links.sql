SELECT
    source,
    object_type,
    external_id,
    customer_id
FROM {{ source('crm', 'customer_links') }}
