-- Posts what months released from deferred revenue: entries and their lines, all or none.
--
-- `batch` is a JSON array in posting order, of one entity; each element:
--   accounting_date, currency, document_number, description
--   lines: [[account, debit_minor, credit_minor], ...]
-- A month and currency that was released before is refused: its document_number is taken.
-- Returns one row an entry.
CREATE FUNCTION ledger.post_releases(owner text, batch jsonb)
RETURNS TABLE (posted_number text, posted_entry_id bigint)
LANGUAGE plpgsql AS $$
DECLARE
    item jsonb;
    link_sequence bigint;
    link_hash text;
    previous_hash text;
    moment timestamptz;
    numbered_lines jsonb;
    entries jsonb[] := '{}';
BEGIN
    PERFORM ledger.wait_for_disk();

    INSERT INTO ledger.chain_heads AS head (entity, sequence, hash) VALUES (owner, 0, repeat('0', 64))
    ON CONFLICT DO NOTHING;
    SELECT head.sequence, head.hash INTO link_sequence, link_hash
    FROM ledger.chain_heads AS head WHERE head.entity = owner
    FOR UPDATE;

    moment := clock_timestamp();

    FOR item IN
        SELECT given.value FROM jsonb_array_elements(batch) WITH ORDINALITY AS given ORDER BY given.ordinality
    LOOP
        SELECT jsonb_agg(
            jsonb_build_array(line.ordinality::text, line.value ->> 0, line.value ->> 1, line.value ->> 2)
            ORDER BY line.ordinality
        ) INTO numbered_lines
        FROM jsonb_array_elements(item -> 'lines') WITH ORDINALITY AS line;

        link_sequence := link_sequence + 1;
        previous_hash := link_hash;
        link_hash := ledger.chain_hash(previous_hash, ledger.entry_text(
            owner, link_sequence, NULL, (item ->> 'accounting_date')::date, item ->> 'currency',
            item ->> 'document_number', item ->> 'description', moment, numbered_lines
        ));
        entries := entries || (item || jsonb_build_object(
            'sequence', link_sequence, 'previous_hash', previous_hash, 'hash', link_hash,
            'numbered_lines', numbered_lines
        ));
    END LOOP;

    UPDATE ledger.chain_heads AS head SET sequence = link_sequence, hash = link_hash
    WHERE head.entity = owner;

    INSERT INTO ledger.journal_entries (
        entity, sequence, kind, accounting_date, currency, document_number, description, posted_at,
        previous_hash, hash
    )
    SELECT
        owner, (value ->> 'sequence')::bigint, 'release', (value ->> 'accounting_date')::date,
        value ->> 'currency', value ->> 'document_number', value ->> 'description', moment,
        value ->> 'previous_hash', value ->> 'hash'
    FROM unnest(entries) AS value;

    INSERT INTO ledger.journal_lines (entry_id, position, entity, account, debit_minor, credit_minor)
    SELECT
        stored.id, (line ->> 0)::integer, owner, line ->> 1, (line ->> 2)::bigint, (line ->> 3)::bigint
    FROM unnest(entries) AS value
    INNER JOIN ledger.journal_entries AS stored
        ON stored.entity = owner AND stored.sequence = (value ->> 'sequence')::bigint
    CROSS JOIN LATERAL jsonb_array_elements(value -> 'numbered_lines') AS line;

    RETURN QUERY
    SELECT stored.document_number, stored.id
    FROM unnest(entries) AS value
    INNER JOIN ledger.journal_entries AS stored
        ON stored.entity = owner AND stored.sequence = (value ->> 'sequence')::bigint;
END
$$;
