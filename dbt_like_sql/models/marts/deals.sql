WITH totals AS (
    SELECT
        deal_key,
        currency,
        {{ in_minor_units('invoiced_minor') }} AS invoiced_minor,
        {{ in_minor_units('credited_minor') }} AS credited_minor,
        {{ in_minor_units('scheduled_later_minor + quarantined_minor + waiting_minor') }}
            AS not_invoiced_minor,
        cast(sum(invoices) AS bigint) AS invoices,
        cast(sum(credit_notes) AS bigint) AS credit_notes,
        min(next_issue_date) AS next_issue_date
    FROM {{ ref('int_document_totals') }}
    GROUP BY deal_key, currency
),

deals AS (
    SELECT
        deals.deal_key,
        deals.external_id,
        deals.name,
        deals.version,
        deals.customer_id,
        coalesce(customers.name, deals.company_name) AS customer_name,
        deals.owner,
        deals.stage,
        deals.state,
        deals.outcome,
        deals.reason,
        deals.entity,
        deals.close_date,
        deals.close_month,
        deals.currency,
        deals.amount_minor,
        deals.scheduled_minor,
        coalesce(totals.invoiced_minor, 0) AS invoiced_minor,
        coalesce(totals.credited_minor, 0) AS credited_minor,
        coalesce(totals.not_invoiced_minor, 0) AS not_invoiced_minor,
        coalesce(totals.invoices, 0) AS invoices,
        coalesce(totals.credit_notes, 0) AS credit_notes,
        totals.next_issue_date,
        deals.charge_count,
        deals.crm_modified_at
    FROM {{ ref('cut_deals') }} AS deals
    LEFT JOIN {{ ref('cut_customers') }} AS customers ON deals.customer_id = customers.customer_id
    LEFT JOIN totals ON deals.deal_key = totals.deal_key AND deals.currency = totals.currency
)

SELECT
    deals.*,
    {{ in_units('deals.amount_minor') }} AS amount,
    {{ in_units('deals.scheduled_minor') }} AS scheduled,
    {{ in_units('deals.invoiced_minor') }} AS invoiced,
    {{ in_units('deals.credited_minor') }} AS credited,
    {{ in_units('deals.not_invoiced_minor') }} AS not_invoiced
FROM deals
LEFT JOIN {{ ref('currencies') }} AS currencies ON deals.currency = currencies.currency
