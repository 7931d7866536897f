WITH links AS (
    SELECT
        customer_id,
        count(*) AS links,
        count(*) FILTER (WHERE object_type = 'company') AS companies,
        count(*) FILTER (WHERE object_type = 'contact') AS contacts
    FROM {{ ref('stg_crm__customer_links') }}
    GROUP BY customer_id
)

SELECT
    customers.customer_id,
    customers.name,
    customers.domain,
    customers.country,
    customers.tax_id,
    customers.billing_email,
    coalesce(links.links, 0) AS links,
    coalesce(links.companies, 0) AS companies,
    coalesce(links.contacts, 0) AS contacts
FROM {{ ref('stg_crm__customers') }} AS customers
LEFT JOIN links ON customers.customer_id = links.customer_id
