-- Every version of every CRM record. All kinds of records share one table, which one asset per kind fills.
WITH records AS (
    {% for table, object_type in [
        ('deals', 'deal'), ('companies', 'company'), ('contacts', 'contact'), ('line_items', 'line_item')
    ] %}
    SELECT
        id,
        source,
        object_type,
        external_id,
        modified_at,
        received_at,
        archived
    FROM {{ source('raw', table) }}
    WHERE object_type = '{{ object_type }}'
    {{ '' if loop.last else 'UNION ALL' }}
    {% endfor %}
)

SELECT
    records.id AS record_id,
    records.source,
    records.object_type,
    records.external_id,
    records.modified_at,
    records.received_at,
    records.archived,
    heads.record_id IS NOT NULL AS is_current
FROM records
LEFT JOIN {{ source('raw', 'heads') }} AS heads ON records.id = heads.record_id
