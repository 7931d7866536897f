-- Posts a batch of documents: numbers, entries, lines and the documents themselves, all or none.
--
-- `batch` is a JSON array in posting order; each element:
--   intent_id, fencing_token, entity, kind, document_reference, customer_id, currency, total_minor,
--   issue_date, due_date, accounting_date, description, body, and optionally
--   series, digits: what stands before the number, and how many digits it has at least (the entity's, 6)
--   lines: [[account, debit_minor, credit_minor], ...]
-- An intent that this token no longer holds is left out of the result: a newer poster owns it.
-- Returns one row a posted document.
CREATE FUNCTION ledger.post_documents(batch jsonb)
RETURNS TABLE (posted_intent_id bigint, posted_number text, posted_hash text)
LANGUAGE plpgsql AS $$
DECLARE
    item record;
    number_prefix text;
    number bigint;
    digits integer;
    link_entity text;
    link_sequence bigint;
    link_hash text;
    previous_hash text;
    document_number text;
    moment timestamptz;
    numbered_lines jsonb;
    entry jsonb;
    entries jsonb[] := '{}';
BEGIN
    PERFORM ledger.wait_for_disk();

    -- Locks in one order for everybody: intents by id, then chains by entity, then number series.
    PERFORM FROM posting.intents AS intent
    WHERE intent.id IN (SELECT (value ->> 'intent_id')::bigint FROM jsonb_array_elements(batch))
    ORDER BY intent.id
    FOR UPDATE;

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
        SELECT given.value AS body, given.ordinality
        FROM jsonb_array_elements(batch) WITH ORDINALITY AS given
        INNER JOIN posting.intents AS intent
            ON intent.id = (given.value ->> 'intent_id')::bigint
            AND intent.state = 'claimed'
            AND intent.fencing_token = (given.value ->> 'fencing_token')::bigint
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

        SELECT coalesce(
            item.body ->> 'series',
            CASE item.body ->> 'kind' WHEN 'invoice' THEN owner.invoice_prefix
                ELSE owner.credit_note_prefix END
        )
        INTO STRICT number_prefix
        FROM ledger.entities AS owner WHERE owner.code = link_entity;

        INSERT INTO ledger.number_series AS counter (entity, series, last_number)
        VALUES (link_entity, number_prefix, 1)
        ON CONFLICT (entity, series) DO UPDATE SET last_number = counter.last_number + 1
        RETURNING counter.last_number INTO number;

        digits := greatest(coalesce((item.body ->> 'digits')::integer, 6), length(number::text));
        document_number := number_prefix || lpad(number::text, digits, '0');
        SELECT jsonb_agg(
            jsonb_build_array(line.ordinality::text, line.value ->> 0, line.value ->> 1, line.value ->> 2)
            ORDER BY line.ordinality
        ) INTO numbered_lines
        FROM jsonb_array_elements(item.body -> 'lines') WITH ORDINALITY AS line;

        link_sequence := link_sequence + 1;
        previous_hash := link_hash;
        link_hash := ledger.chain_hash(previous_hash, ledger.entry_text(
            link_entity, link_sequence, (item.body ->> 'intent_id')::bigint,
            (item.body ->> 'accounting_date')::date, item.body ->> 'currency', document_number,
            item.body ->> 'description', moment, numbered_lines
        ));
        entry := item.body || jsonb_build_object(
            'sequence', link_sequence, 'document_number', document_number, 'series', number_prefix, 'series_number', number,
            'previous_hash', previous_hash, 'hash', link_hash, 'numbered_lines', numbered_lines
        );
        entries := entries || entry;
    END LOOP;

    IF link_entity IS NULL THEN
        RETURN;
    END IF;
    UPDATE ledger.chain_heads AS head SET sequence = link_sequence, hash = link_hash
    WHERE head.entity = link_entity;

    INSERT INTO ledger.journal_entries (
        entity, sequence, kind, intent_id, accounting_date, currency, document_number, description, posted_at,
        previous_hash, hash
    )
    SELECT
        value ->> 'entity', (value ->> 'sequence')::bigint, 'document', (value ->> 'intent_id')::bigint,
        (value ->> 'accounting_date')::date, value ->> 'currency', value ->> 'document_number',
        value ->> 'description', moment, value ->> 'previous_hash', value ->> 'hash'
    FROM unnest(entries) AS value;

    INSERT INTO ledger.journal_lines (entry_id, position, entity, account, debit_minor, credit_minor)
    SELECT
        stored.id, (line ->> 0)::integer, stored.entity, line ->> 1, (line ->> 2)::bigint,
        (line ->> 3)::bigint
    FROM unnest(entries) AS value
    INNER JOIN ledger.journal_entries AS stored ON stored.intent_id = (value ->> 'intent_id')::bigint
    CROSS JOIN LATERAL jsonb_array_elements(value -> 'numbered_lines') AS line;

    INSERT INTO ledger.documents (
        entity, number, kind, series, series_number, intent_id, entry_id, document_reference, customer_id,
        currency, total_minor, issue_date, due_date, body
    )
    SELECT
        stored.entity, stored.document_number, value ->> 'kind', value ->> 'series',
        (value ->> 'series_number')::bigint,
        stored.intent_id, stored.id, value ->> 'document_reference', (value ->> 'customer_id')::bigint,
        value ->> 'currency', (value ->> 'total_minor')::bigint, (value ->> 'issue_date')::date,
        (value ->> 'due_date')::date, value -> 'body'
    FROM unnest(entries) AS value
    INNER JOIN ledger.journal_entries AS stored ON stored.intent_id = (value ->> 'intent_id')::bigint;

    RETURN QUERY
    WITH posted AS (
        UPDATE posting.intents AS intent
        SET
            state = 'posted', remote_id = value ->> 'document_number', response_hash = value ->> 'hash',
            lease_until = NULL, last_error = NULL, updated_at = moment
        FROM unnest(entries) AS value
        WHERE intent.id = (value ->> 'intent_id')::bigint
        RETURNING intent.id, intent.remote_id, intent.response_hash, intent.fencing_token
    ),

    finished AS (
        UPDATE posting.attempts AS attempt
        SET finished_at = moment, outcome = 'posted'
        FROM posted
        WHERE attempt.intent_id = posted.id AND attempt.fencing_token = posted.fencing_token
    )

    SELECT posted.id, posted.remote_id, posted.response_hash FROM posted;
END
$$;
