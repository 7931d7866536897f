WITH receivables AS (
    SELECT
        customer_id,
        customer_name,
        currency,
        open_minor,
        {{ as_of() }} - due_date AS days_overdue
    FROM {{ ref('invoices') }}
    WHERE open_minor > 0 AND issue_date <= {{ as_of() }}
),

ageing AS (
    SELECT
        customer_id,
        customer_name,
        currency,
        count(*) AS invoices,
        {{ in_minor_units('open_minor') }} AS open_minor,
        {{ in_minor_units('open_minor', 'days_overdue <= 0') }} AS not_due_minor,
        {{ in_minor_units('open_minor', 'days_overdue BETWEEN 1 AND 30') }} AS days_1_30_minor,
        {{ in_minor_units('open_minor', 'days_overdue BETWEEN 31 AND 60') }} AS days_31_60_minor,
        {{ in_minor_units('open_minor', 'days_overdue BETWEEN 61 AND 90') }} AS days_61_90_minor,
        {{ in_minor_units('open_minor', 'days_overdue > 90') }} AS days_over_90_minor
    FROM receivables
    GROUP BY customer_id, customer_name, currency
)

SELECT
    {{ as_of() }} AS as_of,
    ageing.*,
    {{ in_units('ageing.open_minor') }} AS open_amount,
    {{ in_units('ageing.not_due_minor') }} AS not_due,
    {{ in_units('ageing.days_1_30_minor') }} AS days_1_30,
    {{ in_units('ageing.days_31_60_minor') }} AS days_31_60,
    {{ in_units('ageing.days_61_90_minor') }} AS days_61_90,
    {{ in_units('ageing.days_over_90_minor') }} AS days_over_90
FROM ageing
LEFT JOIN {{ ref('currencies') }} AS currencies ON ageing.currency = currencies.currency
