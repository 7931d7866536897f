SELECT *
FROM {{ ref('stg_posting__open_quarantine') }}
