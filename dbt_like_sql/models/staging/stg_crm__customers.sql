SELECT
    id AS customer_id,
    name,
    domain,
    tax_id,
    billing_email,
    country
FROM {{ source('crm', 'customers') }}
