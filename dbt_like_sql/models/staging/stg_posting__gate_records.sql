SELECT
    subject_kind,
    subject_id,
    passed
FROM {{ source('posting', 'gate_records') }}
