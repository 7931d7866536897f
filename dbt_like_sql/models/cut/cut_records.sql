SELECT
    source,
    object_type,
    count(*) FILTER (WHERE is_current) AS records,
    count(*) FILTER (WHERE is_current AND archived) AS archived,
    count(*) AS versions,
    max(modified_at) AS last_modified_at,
    max(received_at) AS last_received_at
FROM {{ ref('stg_raw__records') }}
GROUP BY source, object_type
