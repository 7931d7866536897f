-- Names for what several stages ask.

-- The newest version of every deal.
CREATE VIEW crm.current_deals AS
SELECT deal.*
FROM crm.deal_heads AS head
INNER JOIN crm.deals AS deal ON deal.id = head.deal_id;

-- Whether a deal lies in a scope: close months (both bounds included) and deal keys; NULL bounds nothing.
CREATE FUNCTION crm.in_scope(
    close_month date, deal_key text, first_month date, last_month date, deal_keys text []
) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT
        (first_month IS NULL OR close_month >= first_month)
        AND (last_month IS NULL OR close_month <= last_month)
        AND (deal_keys IS NULL OR deal_key = ANY(deal_keys))
$$;

-- Fencing tokens: a poster's claim carries the next one, so that the newest claim on an intent wins.
CREATE SEQUENCE posting.fencing_tokens;
