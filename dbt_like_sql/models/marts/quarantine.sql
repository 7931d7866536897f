SELECT
    quarantine.quarantine_id,
    quarantine.subject_kind,
    quarantine.deal_key,
    coalesce(deals.name, quarantine.record_name) AS deal_name,
    deals.customer_name,
    deals.owner,
    deals.state,
    coalesce(quarantine.close_month, deals.close_month) AS close_month,
    quarantine.suite,
    quarantine.rule,
    quarantine.field,
    quarantine.value,
    quarantine.reason,
    quarantine.next_step,
    quarantine.waivable,
    quarantine.created_at AS held_since,
    {{ as_of() }} - cast(quarantine.created_at AT TIME ZONE 'UTC' AS date) AS days_held,
    deals.currency,
    deals.amount_minor,
    deals.amount
FROM {{ ref('cut_quarantine') }} AS quarantine
LEFT JOIN {{ ref('deals') }} AS deals ON quarantine.deal_key = deals.deal_key
