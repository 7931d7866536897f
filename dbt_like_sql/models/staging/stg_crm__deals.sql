-- The current version of every deal.
SELECT
    deals.id AS deal_id,
    deals.deal_key,
    deals.source,
    deals.external_id,
    deals.version,
    deals.raw_record_id,
    deals.close_month,
    deals.state,
    deals.stage,
    deals.name,
    deals.customer_id,
    deals.company_name,
    deals.owner,
    deals.currency,
    deals.amount_minor,
    deals.close_date,
    deals.charge_count,
    deals.terms ->> 'entity' AS entity
FROM {{ source('crm', 'deal_heads') }} AS heads
INNER JOIN {{ source('crm', 'deals') }} AS deals ON heads.deal_id = deals.id
