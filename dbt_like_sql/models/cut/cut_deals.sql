SELECT
    deals.deal_key,
    deals.external_id,
    deals.name,
    deals.version,
    deals.customer_id,
    deals.company_name,
    deals.owner,
    deals.stage,
    deals.state,
    outcomes.outcome,
    outcomes.reason,
    outcomes.entity,
    deals.close_date,
    deals.close_month,
    deals.currency,
    deals.amount_minor,
    deals.charge_count,
    schedules.currency AS schedule_currency,
    schedules.total_minor AS scheduled_minor,
    records.modified_at AS crm_modified_at
FROM {{ ref('stg_crm__deals') }} AS deals
INNER JOIN {{ ref('int_deal_outcomes') }} AS outcomes ON deals.deal_key = outcomes.deal_key
LEFT JOIN {{ ref('stg_billing__schedules') }} AS schedules ON deals.deal_key = schedules.deal_key
LEFT JOIN {{ ref('stg_raw__deals') }} AS records ON deals.deal_key = records.deal_key
