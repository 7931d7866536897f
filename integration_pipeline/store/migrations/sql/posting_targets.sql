-- Intents for the own ledger, which books first and by itself: what most questions about posting are about.
CREATE VIEW posting.ledger_intents AS
SELECT * FROM posting.intents
WHERE target = 'ledger';

-- Ledger intents whose documents these targets (as of `posting.enlist`) have no intent for yet.
CREATE FUNCTION posting.not_enlisted(targets jsonb) RETURNS bigint[]
LANGUAGE sql STABLE AS $$
    WITH chosen AS (
        SELECT * FROM jsonb_to_recordset(targets) AS given (target text, entity text, since date)
    ),

    -- Both sides of the difference come out of indexes alone, and nearly always nothing is left of them.
    missing AS (
        SELECT chosen.since, booked.document_id
        FROM chosen
        CROSS JOIN LATERAL (
            SELECT intent.document_id FROM posting.intents AS intent
            WHERE intent.target = 'ledger' AND intent.state = 'posted' AND intent.entity = chosen.entity
            EXCEPT
            SELECT there.document_id FROM posting.intents AS there
            WHERE there.target = chosen.target AND there.subject = 'document'
        ) AS booked

        UNION ALL

        SELECT chosen.since, document.id
        FROM chosen
        INNER JOIN billing.documents AS document
            ON document.entity = chosen.entity AND document.kind = 'credit_note'
        WHERE
            document.reverses_id IS NOT NULL
            AND NOT EXISTS (
                SELECT FROM posting.intents AS there
                WHERE
                    there.target = chosen.target AND there.subject = 'application'
                    AND there.document_id = document.id
            )
    )

    SELECT coalesce(array_agg(DISTINCT intent.id), '{}')
    FROM missing
    INNER JOIN billing.documents AS document
        ON document.id = missing.document_id AND document.issue_date >= missing.since
    INNER JOIN posting.intents AS intent ON intent.document_id = document.id AND intent.target = 'ledger';
$$;

-- Why only a person can set a credit note against the invoice it reverses at a target; null if we can.
CREATE FUNCTION posting.apply_by_hand_because(named_target text, named_document bigint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT
        'nothing is known there of ' || string_agg(booked.remote_id, ', ' ORDER BY booked.id)
        || '; set the credit note against its invoice by hand, then say so with `targets settled`'
    FROM billing.documents AS document
    INNER JOIN posting.ledger_intents AS booked
        ON booked.document_id IN (document.id, document.reverses_id)
    INNER JOIN posting.intents AS there
        ON
            there.target = named_target AND there.subject = 'document'
            AND there.document_id = booked.document_id
    WHERE document.id = named_document AND there.state = 'settled' AND there.remote_id IS NULL;
$$;

-- Makes the intents of accounting systems for documents that the own ledger has booked: the document, and
-- for a credit note that reverses an invoice its application to that invoice. Whoever books calls it in the
-- same transaction. Safe to repeat; answers how many are new.
--
-- `targets` is a JSON array of {target, entity, since}: which entity's documents go where, from which issue
-- date on. `booked` are ids of ledger intents; null stands for all that are booked.
CREATE FUNCTION posting.enlist(targets jsonb, booked bigint[]) RETURNS bigint
LANGUAGE sql AS $$
    WITH chosen AS (
        SELECT * FROM jsonb_to_recordset(targets) AS given (target text, entity text, since date)
    ),

    wanted AS (
        SELECT
            intent.id,
            chosen.target,
            subject.subject,
            intent.entity,
            intent.document_id,
            intent.document_reference,
            intent.intent_key,
            intent.body_hash,
            intent.due_on
        FROM posting.ledger_intents AS intent
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
        INNER JOIN chosen ON chosen.entity = intent.entity AND chosen.since <= document.issue_date
        LEFT JOIN billing.documents AS reversed ON reversed.id = document.reverses_id
        CROSS JOIN LATERAL (
            SELECT 'document' AS subject
            UNION ALL
            SELECT 'application'
            WHERE document.kind = 'credit_note' AND reversed.issue_date >= chosen.since
        ) AS subject
        WHERE
            intent.state = 'posted'
            AND intent.id = ANY(coalesce(booked, (SELECT posting.not_enlisted(targets))))
            AND NOT EXISTS (
                SELECT FROM posting.intents AS there
                WHERE
                    there.target = chosen.target AND there.subject = subject.subject
                    AND there.document_id = intent.document_id
            )
    ),

    enlisted AS (
        INSERT INTO posting.intents (
            intent_key, target, entity, subject, document_id, document_reference, body_hash, due_on, state,
            last_error
        )
        SELECT
            encode(sha256(convert_to(
                wanted.target || E'\n' || wanted.subject || E'\n' || wanted.intent_key, 'UTF8'
            )), 'hex'),
            wanted.target, wanted.entity, wanted.subject, wanted.document_id,
            CASE wanted.subject WHEN 'application' THEN 'A' ELSE '' END || wanted.document_reference,
            wanted.body_hash, wanted.due_on,
            CASE WHEN by_hand.because IS NULL THEN 'pending' ELSE 'waiting' END,
            by_hand.because
        FROM wanted
        LEFT JOIN LATERAL (
            SELECT posting.apply_by_hand_because(wanted.target, wanted.document_id) AS because
        ) AS by_hand ON wanted.subject = 'application'
        ORDER BY wanted.id
        ON CONFLICT (target, subject, document_id) DO NOTHING
        RETURNING id
    ),

    told AS (
        SELECT pg_notify('posting', '') FROM enlisted LIMIT 1
    )

    SELECT count(*) FROM enlisted LEFT JOIN told ON TRUE;
$$;
