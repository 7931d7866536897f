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

-- Companies and contacts whose newest version was not looked at yet, beside the customer they have so far.
CREATE VIEW crm.unlinked_records AS
SELECT
    head.source,
    head.object_type,
    head.external_id,
    record.id,
    record.modified_at,
    record.archived,
    record.properties,
    record.associations,
    link.customer_id,
    link.rule
FROM raw.heads AS head
INNER JOIN raw.records AS record ON head.record_id = record.id
LEFT JOIN crm.customer_links AS link
    ON
        head.source = link.source
        AND head.object_type = link.object_type
        AND head.external_id = link.external_id
WHERE
    head.object_type IN ('company', 'contact') AND NOT record.archived
    AND link.record_id IS DISTINCT FROM head.record_id;

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
    (deal.terms IS NOT NULL OR (deal.state <> 'won' AND plan.deal_id IS NOT NULL)) AS can_be_planned,
    plan.usage_events IS NOT NULL AND plan.usage_events <> (
        SELECT count(*) FROM billing.usage_events AS event
        WHERE event.contract_id = deal.terms ->> 'contract_id'
    ) AS has_new_usage
FROM crm.current_deals AS deal
INNER JOIN posting.gate_records AS gate
    ON gate.subject_kind = 'deal' AND deal.id = gate.subject_id AND gate.passed
LEFT JOIN billing.schedule_heads AS plan ON deal.deal_key = plan.deal_key;

-- What the gates judge, each version beside its verdict: it is due if the suite in force has not judged it
-- and nobody has waived what an older one said (a waived version stays passed: a person has looked at it).

-- The newest raw version of every deal.
CREATE VIEW posting.raw_deals_judged AS
SELECT
    record.id,
    head.source,
    head.external_id,
    record.properties,
    record.modified_at,
    coalesce(record.properties ->> 'dealname', 'deal ' || head.external_id) AS name,
    NULL::date AS close_month,
    gate.suite_version AS judged_by,
    gate.waived_by
FROM raw.heads AS head
INNER JOIN raw.records AS record ON head.record_id = record.id
LEFT JOIN posting.gate_records AS gate
    ON gate.subject_kind = 'raw_record' AND record.id = gate.subject_id
WHERE head.object_type = 'deal';

-- The newest version of every won deal, and the deal it copies: of two equal ones the one that is billed
-- already is the original, otherwise the one with the lower id (an older deal may be won later).
CREATE VIEW posting.won_deals_judged AS
SELECT
    deal.id,
    deal.deal_key,
    deal.source,
    deal.external_id,
    deal.name,
    deal.close_month,
    deal.company_name,
    deal.customer_id,
    deal.currency,
    deal.amount_minor,
    deal.close_date,
    deal.charge_count,
    deal.problems,
    -- What usage or tiers will come to is not known when the deal is won.
    jsonb_path_exists(deal.terms, '$.charges[*] ? (@.metric != null || @.price != null)') AS priced_later,
    gate.suite_version AS judged_by,
    gate.waived_by,
    exists(
        SELECT FROM posting.quarantine AS held
        WHERE
            held.subject_kind = 'deal' AND held.subject_id = deal.id AND held.state = 'open'
            AND held.rule = 'deal_is_not_a_copy'
    ) AS held_as_copy,
    twin.external_id AS duplicate_of
FROM crm.current_deals AS deal
LEFT JOIN posting.gate_records AS gate ON gate.subject_kind = 'deal' AND deal.id = gate.subject_id
LEFT JOIN billing.schedule_heads AS planned ON deal.deal_key = planned.deal_key
LEFT JOIN LATERAL (
    SELECT other.external_id
    FROM crm.current_deals AS other
    LEFT JOIN billing.schedule_heads AS plan ON other.deal_key = plan.deal_key
    LEFT JOIN posting.gate_records AS judged ON judged.subject_kind = 'deal' AND other.id = judged.subject_id
    WHERE
        other.customer_id = deal.customer_id AND other.state = 'won'
        AND lower(other.name) = lower(deal.name) AND other.close_date = deal.close_date
        AND other.amount_minor = deal.amount_minor AND other.currency = deal.currency
        -- Of two, the one that is billed, or has passed and is about to be, is the original.
        AND (
            plan.deal_key IS NULL AND judged.passed IS NOT TRUE,
            length(other.external_id), other.external_id
        )
        < (
            planned.deal_key IS NULL AND gate.passed IS NOT TRUE,
            length(deal.external_id), deal.external_id
        )
    ORDER BY length(other.external_id), other.external_id
    LIMIT 1
) AS twin ON TRUE
WHERE deal.state = 'won';

-- Deals that were planned and are no longer won, with the numbers of what was invoiced and not credited.
CREATE VIEW posting.withdrawn_deals_judged AS
SELECT
    deal.id,
    deal.deal_key,
    deal.source,
    deal.external_id,
    deal.name,
    deal.close_month,
    deal.state,
    gate.suite_version AS judged_by,
    gate.waived_by,
    (
        SELECT string_agg(intent.remote_id, ', ' ORDER BY intent.remote_id)
        FROM billing.documents AS document
        INNER JOIN posting.intents AS intent ON document.id = intent.document_id
        WHERE
            document.deal_key = deal.deal_key AND document.reverses_id IS NULL AND intent.state = 'posted'
            AND NOT EXISTS (
                SELECT FROM billing.documents AS note
                INNER JOIN posting.intents AS noted ON note.id = noted.document_id
                WHERE note.reverses_id = document.id AND noted.state = 'posted'
            )
    ) AS invoiced_as
FROM crm.current_deals AS deal
INNER JOIN
    billing.schedule_heads AS planned
    ON deal.deal_key = planned.deal_key AND deal.id <> planned.deal_id
LEFT JOIN posting.gate_records AS gate ON gate.subject_kind = 'deal' AND deal.id = gate.subject_id
WHERE deal.state <> 'won';

-- Planned documents, and what their lines and taxes add up to.
CREATE VIEW posting.documents_judged AS
SELECT
    document.id,
    document.document_key,
    document.deal_key,
    document.close_month,
    document.kind,
    document.entity,
    document.customer_id,
    document.currency,
    document.issue_date,
    document.due_date,
    document.net_minor,
    document.tax_minor,
    document.total_minor,
    document.held_for,
    deal.source,
    deal.external_id,
    deal.name,
    whole.*,
    (
        SELECT coalesce(sum(tax.tax_minor), 0)
        FROM billing.document_taxes AS tax
        WHERE tax.document_id = document.id
    ) AS taxes_by_rate_minor,
    gate.suite_version AS judged_by,
    gate.waived_by
FROM billing.documents AS document
INNER JOIN billing.schedules AS schedule ON document.schedule_id = schedule.id
INNER JOIN crm.deals AS deal ON schedule.deal_id = deal.id
LEFT JOIN posting.gate_records AS gate ON gate.subject_kind = 'document' AND document.id = gate.subject_id
CROSS JOIN
    LATERAL (
        SELECT
            coalesce(sum(line.amount_minor), 0) AS lines_total_minor,
            coalesce(sum(line.tax_minor), 0) AS lines_tax_minor,
            count(*) AS line_count,
            count(*) FILTER (WHERE coalesce(line.explanation ->> 'formula', '') = '') AS unexplained_lines
        FROM billing.lines AS line
        WHERE line.document_id = document.id
    ) AS whole
WHERE document.state = 'planned';

-- Whether a poster's session lives: it holds the advisory lock of its fencing token.
CREATE FUNCTION posting.is_held(fencing_token bigint, poster_lock integer) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (
        SELECT FROM pg_locks AS held
        WHERE
            held.locktype = 'advisory' AND held.classid = poster_lock::oid
            AND held.objid = (fencing_token % 2147483647)::oid AND held.objsubid = 2
            AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
$$;

-- Planned documents that passed the gate, of deals that are what they were planned for. A deal that changed
-- or was lost, and waits in quarantine, must not be billed as it used to be; nor must what was billed be
-- reversed without what was to take its place.
CREATE VIEW posting.passed_documents AS
SELECT document.*
FROM billing.documents AS document
INNER JOIN posting.gate_records AS gate
    ON gate.subject_kind = 'document' AND document.id = gate.subject_id AND gate.passed
INNER JOIN crm.deal_heads AS deal ON document.deal_key = deal.deal_key
INNER JOIN billing.schedule_heads AS plan ON document.deal_key = plan.deal_key
WHERE document.state = 'planned' AND plan.deal_id = deal.deal_id;

-- Whether an intent may be claimed: nobody has, or the claim's lease has run out, or its poster is gone.
CREATE FUNCTION posting.is_free(
    state text, lease_until timestamptz, fencing_token bigint, poster_lock integer
) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT
        state = 'pending'
        OR (
            state = 'claimed'
            AND (lease_until < clock_timestamp() OR NOT posting.is_held(fencing_token, poster_lock))
        )
$$;

-- Open quarantine rows of a version that is no longer the newest, or that passes by now.
CREATE VIEW posting.outdated_quarantine AS
SELECT held.*
FROM posting.quarantine AS held
WHERE
    held.state = 'open'
    AND NOT EXISTS (
        SELECT FROM posting.gate_records AS gate
        WHERE
            gate.subject_kind = held.subject_kind AND gate.subject_id = held.subject_id AND NOT gate.passed
            AND (
                (
                    held.subject_kind = 'raw_record'
                    AND EXISTS (
                        SELECT FROM raw.heads AS head
                        WHERE head.record_id = held.subject_id
                    )
                )
                OR (
                    held.subject_kind = 'deal'
                    AND EXISTS (
                        SELECT FROM crm.deal_heads AS head
                        WHERE head.deal_id = held.subject_id
                    )
                )
                OR (
                    held.subject_kind = 'document'
                    AND EXISTS (
                        SELECT FROM billing.documents AS document
                        WHERE document.id = held.subject_id AND document.state = 'planned'
                    )
                )
            )
    );

-- Fencing tokens: a poster's claim carries the next one, so that the newest claim on an intent wins.
CREATE SEQUENCE posting.fencing_tokens;
