SELECT
    id AS quarantine_id,
    subject_kind,
    subject_id,
    source || ':' || external_id AS deal_key,
    record_name,
    close_month,
    suite,
    rule,
    field,
    value,
    reason,
    next_step,
    waivable,
    created_at
FROM {{ source('posting', 'quarantine') }}
WHERE state = 'open'
