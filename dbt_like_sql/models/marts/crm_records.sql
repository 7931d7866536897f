SELECT *
FROM {{ ref('cut_records') }}
