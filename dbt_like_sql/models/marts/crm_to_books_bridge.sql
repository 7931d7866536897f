-- Deals and documents are filed under the deal's close month; each keeps its own entity and currency, so a
-- deal billed in two currencies shows in both. Counts, schedules and documents are added up apart, then laid
-- together.
WITH won AS (
    SELECT
        deals.close_month,
        deals.entity,
        coalesce(deals.currency, 'unknown') AS currency,
        count(*) AS won_deals,
        count(*) FILTER (WHERE deals.outcome = 'invoiced') AS invoiced_deals,
        count(*) FILTER (WHERE deals.outcome = 'scheduled_later') AS scheduled_later_deals,
        count(*) FILTER (WHERE deals.outcome = 'quarantined') AS quarantined_deals,
        count(*) FILTER (WHERE deals.outcome = 'waiting') AS waiting_deals,
        count(*) FILTER (WHERE deals.outcome = 'nothing_to_bill') AS nothing_to_bill_deals,
        {{ in_minor_units('deals.amount_minor') }} AS won_minor
    FROM {{ ref('cut_deals') }} AS deals
    WHERE deals.state = 'won'
    GROUP BY deals.close_month, deals.entity, coalesce(deals.currency, 'unknown')
),

scheduled AS (
    SELECT
        deals.close_month,
        deals.entity,
        deals.schedule_currency AS currency,
        {{ in_minor_units('deals.scheduled_minor') }} AS scheduled_minor
    FROM {{ ref('cut_deals') }} AS deals
    WHERE deals.schedule_currency IS NOT NULL
    GROUP BY deals.close_month, deals.entity, deals.schedule_currency
),

documents AS (
    SELECT
        deals.close_month,
        totals.entity,
        totals.currency,
        {{ in_minor_units('totals.invoiced_minor') }} AS invoiced_minor,
        {{ in_minor_units('totals.credited_minor') }} AS credited_minor,
        {{ in_minor_units('totals.scheduled_later_minor') }} AS scheduled_later_minor,
        {{ in_minor_units('totals.quarantined_minor') }} AS quarantined_minor,
        {{ in_minor_units('totals.waiting_minor') }} AS waiting_minor
    FROM {{ ref('int_document_totals') }} AS totals
    INNER JOIN {{ ref('cut_deals') }} AS deals ON totals.deal_key = deals.deal_key
    GROUP BY deals.close_month, totals.entity, totals.currency
),

bridge AS (
    SELECT
        close_month,
        entity,
        currency,
        coalesce(won.won_deals, 0) AS won_deals,
        coalesce(won.invoiced_deals, 0) AS invoiced_deals,
        coalesce(won.scheduled_later_deals, 0) AS scheduled_later_deals,
        coalesce(won.quarantined_deals, 0) AS quarantined_deals,
        coalesce(won.waiting_deals, 0) AS waiting_deals,
        coalesce(won.nothing_to_bill_deals, 0) AS nothing_to_bill_deals,
        coalesce(won.won_minor, 0) AS won_minor,
        coalesce(scheduled.scheduled_minor, 0) AS scheduled_minor,
        coalesce(documents.invoiced_minor, 0) AS invoiced_minor,
        coalesce(documents.credited_minor, 0) AS credited_minor,
        coalesce(documents.scheduled_later_minor, 0) AS scheduled_later_minor,
        coalesce(documents.quarantined_minor, 0) AS quarantined_minor,
        coalesce(documents.waiting_minor, 0) AS waiting_minor,
        coalesce(documents.scheduled_later_minor + documents.quarantined_minor + documents.waiting_minor, 0)
            AS not_invoiced_minor
    FROM won
    FULL OUTER JOIN scheduled USING (close_month, entity, currency)
    FULL OUTER JOIN documents USING (close_month, entity, currency)
)

SELECT
    bridge.*,
    {{ in_units('bridge.won_minor') }} AS won,
    {{ in_units('bridge.scheduled_minor') }} AS scheduled,
    {{ in_units('bridge.invoiced_minor') }} AS invoiced,
    {{ in_units('bridge.credited_minor') }} AS credited,
    {{ in_units('bridge.scheduled_later_minor') }} AS scheduled_later,
    {{ in_units('bridge.quarantined_minor') }} AS quarantined,
    {{ in_units('bridge.waiting_minor') }} AS waiting,
    {{ in_units('bridge.not_invoiced_minor') }} AS not_invoiced
FROM bridge
LEFT JOIN {{ ref('currencies') }} AS currencies ON bridge.currency = currencies.currency
