-- What payments settled: never changed, never removed; booked one entry each.

CREATE TRIGGER settlements_append_only BEFORE UPDATE OR DELETE ON payments.settlements
FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER settlements_no_truncate BEFORE TRUNCATE ON payments.settlements
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER allocations_append_only BEFORE UPDATE OR DELETE ON payments.allocations
FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER allocations_no_truncate BEFORE TRUNCATE ON payments.allocations
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Settlements that hold: neither undone nor the undoing of another.
CREATE VIEW payments.settlements_in_force AS
SELECT settlement.*
FROM payments.settlements AS settlement
WHERE
    settlement.reverses_id IS NULL
    AND NOT EXISTS (
        SELECT FROM payments.settlements AS undoing
        WHERE undoing.reverses_id = settlement.id
    );

-- What is left of each posted document, in minor units. `total_minor` is positive for both kinds.
-- `credited_minor`: taken back by the document that reverses it; what reverses another is used up by that.
-- `paid_minor`: set against it by settlements, negative on a credit note, whose amount was given back.
-- `open_minor`: positive if the customer owes it, negative if we do; all of them add up to the receivable.
-- `paid_on`: the day of the settlement that brought it to zero.
CREATE VIEW ledger.document_balances AS
SELECT
    document.id AS document_id,
    booked.entity,
    booked.number,
    booked.kind,
    booked.document_reference AS reference,
    booked.series,
    booked.series_number,
    document.customer_id,
    document.deal_key,
    document.purchase_order,
    booked.currency,
    booked.issue_date,
    booked.due_date,
    booked.total_minor,
    side.credited_minor,
    paid.minor AS paid_minor,
    balance.open_minor,
    CASE WHEN balance.open_minor = 0 AND paid.minor <> 0 THEN paid.last_on END AS paid_on,
    CASE
        WHEN balance.open_minor * side.sign < 0 THEN 'overpaid'
        WHEN balance.open_minor = 0 AND paid.minor <> 0 THEN 'paid'
        WHEN balance.open_minor = 0 THEN 'credited'
        WHEN paid.minor <> 0 THEN 'partly paid'
        ELSE 'open'
    END AS status
FROM ledger.documents AS booked
INNER JOIN posting.intents AS intent ON booked.intent_id = intent.id
INNER JOIN billing.documents AS document ON intent.document_id = document.id
LEFT JOIN billing.documents AS reversal ON document.id = reversal.reverses_id
LEFT JOIN posting.intents AS reversing
    ON
        reversal.id = reversing.document_id AND reversing.target = 'ledger'
        AND reversing.subject = 'document' AND reversing.state = 'posted'
CROSS JOIN
    LATERAL (
        VALUES (
            coalesce((
                SELECT sum(allocation.amount_minor)::bigint FROM payments.allocations AS allocation
                WHERE allocation.document_id = document.id
            ), 0),
            (
                SELECT max(settlement.settled_on)
                FROM payments.allocations AS allocation
                INNER JOIN payments.settlements AS settlement ON allocation.settlement_id = settlement.id
                WHERE allocation.document_id = document.id
            )
        )
    ) AS paid (minor, last_on)
CROSS JOIN
    LATERAL (
        VALUES (
            CASE booked.kind WHEN 'invoice' THEN 1 ELSE -1 END,
            CASE
                WHEN document.reverses_id IS NOT NULL OR reversing.id IS NOT NULL THEN booked.total_minor
                ELSE 0
            END
        )
    ) AS side (sign, credited_minor)
CROSS JOIN LATERAL (
    VALUES (side.sign * (booked.total_minor - side.credited_minor) - paid.minor)
) AS balance (open_minor);

-- Posts settlements: their entries and lines, all or none. The settlements are stored already.
--
-- `batch` is a JSON array in posting order; each element:
--   settlement_id, entity, accounting_date, currency, document_number, description
--   lines: [[account, debit_minor, credit_minor], ...]
-- Refuses to set more against a document than its total, or to give back more than was set against it; and to
-- give back more of a customer's credit, with an entity and in a currency, than there is.
-- Returns the number of entries.
CREATE FUNCTION ledger.post_settlements(batch jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    item record;
    broken record;
    link_entity text;
    link_sequence bigint;
    link_hash text;
    previous_hash text;
    moment timestamptz;
    numbered_lines jsonb;
    entries jsonb[] := '{}';
BEGIN
    PERFORM ledger.wait_for_disk();

    SELECT balance.number, balance.paid_minor, balance.total_minor INTO broken
    FROM payments.allocations AS allocation
    INNER JOIN ledger.document_balances AS balance ON balance.document_id = allocation.document_id
    WHERE allocation.settlement_id IN (
        SELECT (value ->> 'settlement_id')::bigint FROM jsonb_array_elements(batch)
    )
    AND CASE balance.kind WHEN 'invoice' THEN balance.paid_minor ELSE -balance.paid_minor END
    NOT BETWEEN 0 AND balance.total_minor
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% would have % of % minor units set against it',
            broken.number, broken.paid_minor, broken.total_minor
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- Only what takes credit can overdraw it.
    SELECT customer.name, credit.entity, credit.currency, sum(credit.unapplied_minor) AS minor INTO broken
    FROM payments.settlements AS credit
    INNER JOIN crm.customers AS customer ON customer.id = credit.customer_id
    WHERE (credit.entity, credit.customer_id, credit.currency) IN (
        SELECT taking.entity, taking.customer_id, taking.currency
        FROM payments.settlements AS taking
        WHERE taking.unapplied_minor < 0 AND taking.id IN (
            SELECT (value ->> 'settlement_id')::bigint FROM jsonb_array_elements(batch)
        )
    )
    GROUP BY customer.id, credit.entity, credit.currency
    HAVING sum(credit.unapplied_minor) < 0
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the credit of % with % would be % minor units of %',
            broken.name, broken.entity, broken.minor, broken.currency
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- Chains by entity, as everybody takes them.
    INSERT INTO ledger.chain_heads AS head (entity, sequence, hash)
    SELECT DISTINCT value ->> 'entity', 0, repeat('0', 64) FROM jsonb_array_elements(batch)
    ORDER BY 1
    ON CONFLICT DO NOTHING;
    PERFORM FROM ledger.chain_heads AS head
    WHERE head.entity IN (SELECT value ->> 'entity' FROM jsonb_array_elements(batch))
    ORDER BY head.entity
    FOR UPDATE;

    moment := clock_timestamp();

    FOR item IN
        SELECT given.value AS body
        FROM jsonb_array_elements(batch) WITH ORDINALITY AS given
        ORDER BY given.value ->> 'entity', given.ordinality
    LOOP
        IF link_entity IS DISTINCT FROM item.body ->> 'entity' THEN
            IF link_entity IS NOT NULL THEN
                UPDATE ledger.chain_heads AS head SET sequence = link_sequence, hash = link_hash
                WHERE head.entity = link_entity;
            END IF;
            SELECT head.entity, head.sequence, head.hash INTO link_entity, link_sequence, link_hash
            FROM ledger.chain_heads AS head WHERE head.entity = item.body ->> 'entity';
        END IF;

        SELECT jsonb_agg(
            jsonb_build_array(line.ordinality::text, line.value ->> 0, line.value ->> 1, line.value ->> 2)
            ORDER BY line.ordinality
        ) INTO numbered_lines
        FROM jsonb_array_elements(item.body -> 'lines') WITH ORDINALITY AS line;

        link_sequence := link_sequence + 1;
        previous_hash := link_hash;
        link_hash := ledger.chain_hash(previous_hash, ledger.entry_text(
            link_entity, link_sequence, NULL, (item.body ->> 'accounting_date')::date,
            item.body ->> 'currency', item.body ->> 'document_number', item.body ->> 'description', moment,
            numbered_lines
        ));
        entries := entries || (item.body || jsonb_build_object(
            'sequence', link_sequence, 'previous_hash', previous_hash, 'hash', link_hash,
            'numbered_lines', numbered_lines
        ));
    END LOOP;

    IF link_entity IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE ledger.chain_heads AS head SET sequence = link_sequence, hash = link_hash
    WHERE head.entity = link_entity;

    INSERT INTO ledger.journal_entries (
        entity, sequence, kind, settlement_id, accounting_date, currency, document_number, description,
        posted_at, previous_hash, hash
    )
    SELECT
        value ->> 'entity', (value ->> 'sequence')::bigint, 'settlement',
        (value ->> 'settlement_id')::bigint, (value ->> 'accounting_date')::date, value ->> 'currency',
        value ->> 'document_number', value ->> 'description', moment, value ->> 'previous_hash',
        value ->> 'hash'
    FROM unnest(entries) AS value;

    INSERT INTO ledger.journal_lines (entry_id, position, entity, account, debit_minor, credit_minor)
    SELECT
        stored.id, (line ->> 0)::integer, stored.entity, line ->> 1, (line ->> 2)::bigint,
        (line ->> 3)::bigint
    FROM unnest(entries) AS value
    INNER JOIN ledger.journal_entries AS stored
        ON stored.settlement_id = (value ->> 'settlement_id')::bigint
    CROSS JOIN LATERAL jsonb_array_elements(value -> 'numbered_lines') AS line;

    RETURN cardinality(entries);
END
$$;
