SELECT *
FROM {{ ref('int_documents') }}
