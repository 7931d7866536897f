{{ config(meta={'dagster': {'ref': {'name': 'crm_to_books_bridge'}}}) }}
-- By count, won = invoiced + scheduled later + quarantined + waiting + nothing to bill; and won is what the
-- pipeline's own tables count, so that a deal lost or doubled on the way to the bridge shows.
WITH won AS (
    SELECT
        close_month,
        records
    FROM {{ ref('cut_totals') }}
    WHERE measure = 'won_deals'
),

bridged AS (
    SELECT
        close_month,
        sum(won_deals) AS won_deals,
        sum(
            invoiced_deals + scheduled_later_deals + quarantined_deals + waiting_deals + nothing_to_bill_deals
        ) AS explained_deals
    FROM {{ ref('crm_to_books_bridge') }}
    GROUP BY close_month
)

SELECT
    coalesce(won.close_month, bridged.close_month) AS close_month,
    coalesce(won.records, 0) AS won_in_crm,
    coalesce(bridged.won_deals, 0) AS won_in_bridge,
    coalesce(bridged.explained_deals, 0) AS explained_in_bridge
FROM won
FULL OUTER JOIN bridged ON won.close_month = bridged.close_month
WHERE
    coalesce(won.records, 0) <> coalesce(bridged.won_deals, 0)
    OR coalesce(won.records, 0) <> coalesce(bridged.explained_deals, 0)
