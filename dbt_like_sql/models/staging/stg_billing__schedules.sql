-- The current schedule of every deal that has one; `deal_id` is the version of the deal it was made from.
SELECT
    heads.deal_key,
    heads.deal_id,
    schedules.currency,
    schedules.total_minor
FROM {{ source('billing', 'schedule_heads') }} AS heads
INNER JOIN {{ source('billing', 'schedules') }} AS schedules ON heads.schedule_id = schedules.id
