-- Names for what several stages ask.

-- The newest version of every deal.
CREATE VIEW crm.current_deals AS
SELECT deal.*
FROM crm.deal_heads AS head
INNER JOIN crm.deals AS deal ON head.deal_id = deal.id;

-- The records a record is associated with. VOLATILE although it is not: PostgreSQL would inline the
-- function otherwise and plan for 10,000 links a record instead of a handful (2.9 s instead of 40 ms).
CREATE FUNCTION raw.linked_records(associations jsonb)
RETURNS TABLE (object_type text, external_id text)
LANGUAGE sql VOLATILE ROWS 5 AS $$
    SELECT linked.kind, link.value ->> 'id'
    FROM jsonb_each(associations) AS linked (kind, links)
    CROSS JOIN LATERAL jsonb_array_elements(linked.links) AS link
$$;

-- What each deal is made of, as a hash: the versions of its own and its linked records, and the customers of
-- its companies and contacts. Not their highest id: ids are drawn before they are committed, so what is
-- committed next need not be higher.
CREATE VIEW raw.deal_inputs AS
SELECT
    head.source,
    head.external_id,
    head.record_id,
    inputs.hash
FROM raw.heads AS head
INNER JOIN raw.records AS record ON head.record_id = record.id
CROSS JOIN
    LATERAL (
        SELECT
            md5(head.record_id || coalesce(string_agg(
                ',' || input.record_id || ':' || coalesce(link.customer_id, 0), '' ORDER BY input.record_id
            ), '')) AS hash
        FROM raw.linked_records(record.associations) AS linked
        INNER JOIN raw.heads AS input
            ON
                linked.object_type = input.object_type
                AND linked.external_id = input.external_id
                AND head.source = input.source
        LEFT JOIN crm.customer_links AS link
            ON
                input.source = link.source
                AND input.object_type = link.object_type
                AND input.external_id = link.external_id
    ) AS inputs
WHERE head.object_type = 'deal';

-- Whether a deal lies in a scope: close months (both bounds included) and deal keys; NULL bounds nothing.
CREATE FUNCTION crm.in_scope(
    close_month date, deal_key text, first_month date, last_month date, deal_keys text[]
) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT
        (first_month IS NULL OR close_month >= first_month)
        AND (last_month IS NULL OR close_month <= last_month)
        AND (deal_keys IS NULL OR deal_key = ANY(deal_keys))
$$;

-- Deals that may be planned: the newest version, if it passed its gate, beside what was planned for the deal.
CREATE VIEW billing.plannable_deals AS
SELECT
    deal.*,
    gate.waived_by,
    plan.deal_id AS planned_id,
    plan.rule_set_version AS planned_under,
    plan.planned_until,
    plan.usage_events IS NOT NULL AND plan.usage_events <> (
        SELECT count(*) FROM billing.usage_events AS event
        WHERE event.contract_id = deal.terms ->> 'contract_id'
    ) AS has_new_usage
FROM crm.current_deals AS deal
INNER JOIN posting.gate_records AS gate
    ON gate.subject_kind = 'deal' AND deal.id = gate.subject_id AND gate.passed
LEFT JOIN billing.schedule_heads AS plan ON deal.deal_key = plan.deal_key;

-- Fencing tokens: a poster's claim carries the next one, so that the newest claim on an intent wins.
CREATE SEQUENCE posting.fencing_tokens;
