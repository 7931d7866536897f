WITH deals AS (
    SELECT
        customer_id,
        count(*) FILTER (WHERE state = 'won') AS deals_won,
        count(*) FILTER (WHERE outcome = 'quarantined') AS deals_quarantined,
        min(close_date) FILTER (WHERE state = 'won') AS first_won_on,
        max(close_date) FILTER (WHERE state = 'won') AS last_won_on
    FROM {{ ref('deals') }}
    GROUP BY customer_id
),

invoices AS (
    SELECT
        customer_id,
        count(*) FILTER (WHERE kind = 'invoice') AS invoices,
        count(*) FILTER (WHERE kind = 'invoice' AND open_minor > 0) AS open_invoices
    FROM {{ ref('invoices') }}
    GROUP BY customer_id
)

SELECT
    customers.customer_id,
    customers.name,
    customers.domain,
    customers.country,
    customers.tax_id,
    customers.billing_email,
    customers.links,
    customers.companies,
    customers.contacts,
    coalesce(deals.deals_won, 0) AS deals_won,
    coalesce(deals.deals_quarantined, 0) AS deals_quarantined,
    deals.first_won_on,
    deals.last_won_on,
    coalesce(invoices.invoices, 0) AS invoices,
    coalesce(invoices.open_invoices, 0) AS open_invoices
FROM {{ ref('cut_customers') }} AS customers
LEFT JOIN deals ON customers.customer_id = deals.customer_id
LEFT JOIN invoices ON customers.customer_id = invoices.customer_id
